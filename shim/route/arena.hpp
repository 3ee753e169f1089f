// Arenas for programs that free one by one: blocks are cut from chunks in the order of allocation, a chunk
// counts its live blocks, and one whose blocks are all freed is used again. A fixed buffer is an arena of one
// chunk.
//
// A lane is one arena at work: a thread's own, or one for all threads behind a lock (`shared`). Its chunks:
//   current    where blocks are cut
//   full       had no room for some request; wait for their blocks. When few of them are left, a chunk
//   becomes
//              current again, and blocks are cut from the holes between them (as Immix does with its lines)
//   spare      empty; kept up to the route's `retain`
// A chunk begins with its header and one bit for each 16 bytes: set where a block begins, and behind the
// last. So a block needs no header, and its size is the distance to the next bit. A thread that frees a block
// of another thread's lane counts it in `remote_frees`; the lane's thread finds the chunk empty when it next
// looks, and where it does not look for long, others give the empty chunk's pages back to the system.
//
// When a thread ends, its chunks become orphans: `remote_frees` then counts up from minus the blocks that
// live, and whoever frees the last gives the chunk back. An orphan with room is taken over by the next lane.
//
// A lane belongs to one thread or is used under its lock; what is said to be remote is safe from any thread.
// Nothing here calls malloc. Allocation and free are O(1), but for a request that needs another chunk.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shim/abi/route_rules.hpp"
#include "shim/base/spin_lock.hpp"
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

// Whose a chunk is. Only kOwned can be claimed by another thread, for as long as it purges an empty chunk's
// pages.
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

struct Lane {
  char* at;    // where the next block is cut
  char* end;   // of the chunk, or of the hole
  char* last;  // the newest block of the current chunk, while it can be taken back
  Chunk* current;
  Chunk* full;  // newest first
  Chunk* look;  // of the full ones, where to look next for an empty one
  Chunk* spare;
  Chunk* scope;  // the innermost scope's first chunk
  std::uint64_t spare_bytes;
  UnitIndex large;       // blocks with a span of their own, newest first (under the lock of large blocks)
  std::uint32_t scopes;  // how deep
  ArenaRoute* route;
  bool shared;
  bool busy;      // its lists are being changed: a fork's child leaves it alone
  SpinLock lock;  // of a shared lane
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
// holes knows it by; a block that is handed out is cleared of it.
inline std::uint64_t dead_mark(const void* block) noexcept {
  return (reinterpret_cast<std::uint64_t>(block) ^ header_key) * 0x9e3779b97f4a7c15u;
}
inline void mark_dead(void* block) noexcept {
  *static_cast<std::uint64_t*>(block) = dead_mark(block);
}

inline Chunk* chunk_of(const void* block) noexcept {
  return reinterpret_cast<Chunk*>(unit_address(first_unit_of(unit_of(block))));
}

// nullptr when the system or the route's capacity has no more. `alignment` is a power of two.
void* allocate_slowly(Lane& lane, std::size_t bytes, std::size_t alignment) noexcept;

inline void* allocate_in(Lane& lane, std::size_t bytes, std::size_t alignment = kGranule) noexcept {
  char* const at = lane.at;
  const std::uint64_t from = (reinterpret_cast<std::uint64_t>(at) + (alignment - 1)) & ~(alignment - 1);
  const std::uint64_t size = (bytes + (bytes == 0) + kGranule - 1) & ~(kGranule - 1);
  if (__builtin_expect(bytes > kRouteSpan || from + size > reinterpret_cast<std::uint64_t>(lane.end), 0)) {
    return allocate_slowly(lane, bytes, alignment);
  }
  char* const block = reinterpret_cast<char*>(from);
  if (__builtin_expect(block != at, 0)) {
    mark_dead(at);
    set_start(lane.current, block);
  }
  *reinterpret_cast<std::uint64_t*>(block) = 0;
  set_start(lane.current, block + size);
  ++lane.current->live;
  lane.last = block;
  lane.at = block + size;
  return block;
}

// The chunk of a block that its lane's thread freed is empty: begins anew, or goes.
void reuse_chunk(Lane& lane, Chunk* chunk) noexcept;

// For the thread of the lane that the chunk belongs to.
inline void free_in(Lane& lane, Chunk* chunk, void* block) noexcept {
  mark_dead(block);
  if (block == lane.last) {  // last in, first out
    clear_start(chunk, lane.at);
    lane.at = lane.last;
    lane.last = block_before(chunk, lane.at);
  }
  const std::uint32_t live = --chunk->live;
  const auto remote = static_cast<std::uint32_t>(chunk->remote_frees.load(std::memory_order_acquire));
  if (__builtin_expect(live == remote, 0)) reuse_chunk(lane, chunk);
}

// For any other thread.
void free_remotely(Chunk* chunk, void* block) noexcept;

// Now and then gives back the pages of chunks that other threads emptied and whose own does not look.
void look_for_idle_chunks() noexcept;

// How many bytes of the block may be used.
std::size_t bytes_of_block(Chunk* chunk, const void* block) noexcept;

// Another size at the same address, by the lane's own thread; false when it does not fit.
bool resize_in(Lane& lane, Chunk* chunk, void* block, std::size_t bytes) noexcept;

// A block too large for a chunk: a span of its own. `lane` is where a scope of this thread may have listed
// it.
void free_large(Lane* lane, UnitIndex span) noexcept;

// Scopes: what the lane allocates until leave_scope lives in chunks of its own, which all end there.
// enter_scope gives the handle (nullptr when there is no memory); leaving an outer scope leaves the inner
// ones; reset_scope ends the blocks and keeps the scope. False for what is no scope of this lane.
Chunk* enter_scope(Lane& lane) noexcept;
bool leave_scope(Lane& lane, Chunk* scope) noexcept;
bool reset_scope(Lane& lane, Chunk* scope) noexcept;

// Called for what a scope ends or resets with blocks still in it (mode=leak: their headers must die with
// them).
using BlocksEnd = void(char* start, char* end) noexcept;
extern BlocksEnd* blocks_end;

// The same with stats=1: how many blocks of the rule's, and their bytes.
using BlocksCounted = void(unsigned rule, std::uint64_t blocks, std::int64_t bytes) noexcept;
extern BlocksCounted* blocks_counted;

// Notes how far a fixed buffer is filled.
void note_use(Lane& lane) noexcept;

// The lane's thread ends: chunks with blocks become orphans, the others go.
void abandon_lane(Lane& lane) noexcept;

void lock_arenas_for_fork() noexcept;
void unlock_arenas_after_fork() noexcept;

}  // namespace weir
