// One chunk of an arena, or the one of a fixed buffer: a span, its header, and where its blocks begin.
//
// Behind the header lies one bit for each 16 bytes: set where a block or a hole begins, and behind the last.
// So a block needs no header, and its size is the distance to the next bit. A freed block says so in its
// first word, by which a search for holes knows it.
//
// Bits, `live`, `at` and the lists belong to the lane's thread (or to who has its lock); `remote_frees`,
// `state` and the first words of freed blocks are any thread's. Nothing here calls malloc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/abi/route_rules.hpp"
#include "shim/route/size_classes.hpp"
#include "shim/route/units.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

struct Lane;

// What a rule says about its arena or fixed buffer, and what all its lanes together use.
struct ArenaRoute {
  std::uint16_t route;  // number of the rule
  bool fixed;           // one chunk of `capacity`, never a second
  bool prefault, huge;
  std::uint64_t chunk_bytes;  // of a span; a power of two
  std::uint64_t capacity;     // bytes of chunks of all lanes, or of a fixed buffer; 0 is no limit
  std::uint64_t retain;       // bytes of spare chunks a lane
  const char* file;           // fixed: what the buffer is mapped from; nullptr for memory

  std::atomic<std::uint64_t> chunk_use, peak_chunk_use;  // bytes
  std::atomic<std::uint64_t> chunks;
  std::atomic<std::uint64_t>
      peak_used;  // fixed, with stats=1: of one buffer, up to the end of the last block
};

extern ArenaRoute arena_routes[kMostRules];  // by rule

// Whose a chunk is. Only kOwned can be claimed by another thread,
// for as long as it purges an empty chunk's pages.
inline constexpr std::uint64_t kOwned = 0x6f776e6564212121;    // of a lane
inline constexpr std::uint64_t kTaken = 0x74616b656e212121;    // of a lane that is changing it
inline constexpr std::uint64_t kClaimed = 0x636c61696d656421;  // of a thread that purges it
inline constexpr std::uint64_t kOrphan = 0x6f727068616e2121;   // of nobody

struct Chunk {
  std::atomic<Lane*> lane;  // nullptr for an orphan
  std::atomic<std::uint64_t> state;
  std::atomic<std::int32_t> remote_frees;
  std::uint32_t live;  // blocks handed out, less those that the lane's own thread freed
  std::uint16_t rule;  // the route's number
  bool listed;         // among the orphans with room
  std::atomic<bool> full;
  std::atomic<std::int64_t> live_bytes;  // with stats=1
  char* at;                              // behind the highest block, but for the current chunk's newest
  char* end;
  Chunk *previous, *next;
  ArenaRoute* route;
  // Of the chunk that a scope begins with: what the lane had before.
  Chunk *outer_current, *outer_full, *outer_scope;
  char *outer_at, *outer_end;
  std::uint32_t starts_when_full;  // blocks and holes; few of them live, the chunk is worth a look

  // Behind this header. Bit i: a block begins at granule i of the chunk.
  std::uint64_t* starts() noexcept { return reinterpret_cast<std::uint64_t*>(this + 1); }

  char* first() noexcept;
};

// Bits of a chunk's blocks, written by its lane only and read by all.
inline void set_start(Chunk* chunk, const char* p) noexcept {
  const std::uint64_t i = static_cast<std::uint64_t>(p - reinterpret_cast<char*>(chunk)) / kGranule;
  std::uint64_t& word = chunk->starts()[i / 64];
  __atomic_store_n(&word, word | std::uint64_t{1} << i % 64, __ATOMIC_RELAXED);
}
inline void clear_start(Chunk* chunk, const char* p) noexcept {
  const std::uint64_t i = static_cast<std::uint64_t>(p - reinterpret_cast<char*>(chunk)) / kGranule;
  std::uint64_t& word = chunk->starts()[i / 64];
  __atomic_store_n(&word, word & ~(std::uint64_t{1} << i % 64), __ATOMIC_RELAXED);
}

// Where the nearest start before `p` lies; nullptr when none is near.
char* block_before(Chunk* chunk, const char* p) noexcept;

// A freed block says so in its first word: a secret of the process and its address. It is what a search for
// holes knows it by; a block that is handed out is cleared of it. Another function of them than a header's
// check (splitmix64's finish against its start): where tracking has its header there,
// the two must not cancel out.
inline std::uint64_t dead_mark(const void* block) noexcept {
  std::uint64_t x = reinterpret_cast<std::uint64_t>(block) + (header_key ^ 0x94d049bb133111eb);
  x = (x ^ x >> 31) * 0xd6e8feb86659fd93;
  return x ^ x >> 32;
}
inline void mark_dead(void* block) noexcept {
  *static_cast<std::uint64_t*>(block) = dead_mark(block);
}

inline Chunk* chunk_of(const void* block) noexcept {
  return reinterpret_cast<Chunk*>(unit_address(first_unit_of(unit_of(block))));
}

// How many bytes of the block may be used.
std::size_t bytes_of_block(Chunk* chunk, const void* block) noexcept;

// ---- for the lanes

void raise(std::atomic<std::uint64_t>& peak, std::uint64_t to) noexcept;

// Counts a span among what the route uses; false at its capacity.
bool count_chunk(ArenaRoute& route, std::uint64_t bytes) noexcept;
void uncount_chunk(ArenaRoute& route, std::uint64_t bytes) noexcept;

inline std::uint64_t span_bytes(const Chunk* chunk) noexcept {
  return kUnitBytes << info_of(unit_of(chunk)).order;
}

// An empty chunk of the route's; nullptr when the system or the route's capacity has no more.
Chunk* new_chunk(ArenaRoute& route) noexcept;
void release(Chunk* chunk) noexcept;

// Keeps other threads from an owned chunk's pages, while it is changed;
// false while another thread is at them.
bool try_take(Chunk* chunk) noexcept;
void take(Chunk* chunk) noexcept;
void put_back(Chunk* chunk) noexcept;

bool is_empty(const Chunk* chunk) noexcept;

// At most a quarter of what it held when it became full is left: worth a search for holes.
bool is_sparse(const Chunk* chunk) noexcept;

// Empties the chunk: its blocks up to `at` are no more.
void forget_starts(Chunk* chunk, const char* at) noexcept;

// Clears the starts in (from, to).
void clear_starts_between(Chunk* chunk, const char* from, const char* to) noexcept;
std::uint32_t count_starts(Chunk* chunk) noexcept;

// The first hole of at least `bytes` from the start `from` on, with no starts left inside;
// {} when there is none.
struct Hole {
  char* at;
  char* end;
};
Hole find_hole(Chunk* chunk, const char* from, std::uint64_t bytes) noexcept;

}  // namespace weir
