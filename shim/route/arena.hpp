// Arenas for programs that free one by one: blocks are cut from chunks in the order of allocation, a chunk
// counts its live blocks, and one whose blocks are all freed is used again.
// A fixed buffer is an arena of one chunk.
//
// A lane is one arena at work: a thread's own, or one for all threads behind a lock (`shared`). Its chunks:
//   current    where blocks are cut
//   full       had no room for some request; wait for their blocks. When few of them are left, one becomes
//              current again, and blocks are cut from the holes between them (as Immix does with its lines)
//   spare      empty; kept up to the route's `retain`
// A thread that frees a block of another thread's lane counts it in the chunk's `remote_frees`; the lane's
// thread finds the chunk empty when it next looks, and where it does not look for long, others give the empty
// chunk's pages back to the system.
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

#include "shim/base/spin_lock.hpp"
#include "shim/route/chunk.hpp"

namespace weir {

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
  bool* working;  // the thread's mark that it is in a slow path; nullptr for a shared lane
  bool shared;
  bool busy;      // its lists are being changed: a fork's child leaves it alone
  SpinLock lock;  // of a shared lane
};

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
  if (block == lane.last) {                                // last in, first out
    if (lane.at != lane.end) clear_start(chunk, lane.at);  // at a hole's end another block starts
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

// Another size at the same address, by the lane's own thread; false when it does not fit.
bool resize_in(Lane& lane, Chunk* chunk, void* block, std::size_t bytes) noexcept;

// A block too large for a chunk: a span of its own.
// `lane` is where a scope of this thread may have listed it.
void free_large(Lane* lane, UnitIndex span) noexcept;

// Scopes: what the lane allocates until leave_scope lives in chunks of its own, which all end there.
// enter_scope gives the handle (nullptr when there is no memory); leaving an outer scope leaves the inner
// ones; reset_scope ends the blocks and keeps the scope. False for what is no scope of this lane.
Chunk* enter_scope(Lane& lane) noexcept;
bool leave_scope(Lane& lane, Chunk* scope) noexcept;
bool reset_scope(Lane& lane, Chunk* scope) noexcept;

// Called for what a scope ends or resets with blocks still in it
// (mode=leak: their headers must die with them).
using BlocksEnd = void(char* start, char* end) noexcept;
extern BlocksEnd* blocks_end;

// The same with stats=1: how many blocks of the rule's, and their bytes.
using BlocksCounted = void(unsigned rule, std::uint64_t blocks, std::int64_t bytes) noexcept;
extern BlocksCounted* blocks_counted;

// Notes how far a fixed buffer is filled.
void note_use(Lane& lane) noexcept;

// The lane's thread ends: chunks with blocks become orphans, the others go.
void abandon_lane(Lane& lane) noexcept;

// The same in a fork's child, for a thread that is not in it and may have stopped anywhere.
// False where it stopped in the middle of a change to its lists: then its chunks are lost to the child. They
// name the lane still, so nobody may use that again.
bool abandon_cut_off_lane(Lane& lane) noexcept;

void lock_arenas_for_fork() noexcept;
void unlock_arenas_after_fork() noexcept;

}  // namespace weir
