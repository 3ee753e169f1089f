// Freed blocks, held back before their memory is used again, to find who still writes to them.
//
// Each thread collects the blocks that it frees (GuardThread) and hands over a batch at a time; behind that
// is a ring for the process, first in, first out, bounded by quarantine_bytes and quarantine_blocks (the
// threads' batches, 64 blocks each, come on top). A block that leaves is held against what it was filled with
// and goes to the parent; a damaged one stays out of use for good. O(1) a block; a lock once in 64.
//
// Large blocks go to a ring of their own, bounded by quarantine_large_bytes: the usual one is small, so that
// what it holds stays in the processor's cache, and a single large block would push all others out of it.
#pragma once

#include <cstdint>

#include "shim/base/options.hpp"
#include "shim/guard/fill.hpp"
#include "shim/guard/guard_header.hpp"
#include "shim/life/thread_state.hpp"

namespace weir::quarantine {

// At start, once the options are known. Without memory for a ring, nothing is held in it.
void set_up() noexcept;

// A block whose header says that it is freed; fills it and keeps it. `t` may be nullptr (a thread's end, a
// signal handler inside weir): then the block goes to the ring at once.
void hold(ThreadState* t, GuardHeader* header) noexcept;

// Hands the thread's batch over.
void flush(ThreadState& t) noexcept;

// Which bytes of a freed block are filled: visit(offset, bytes) for each run, until one returns false.
template <typename Visit>
bool for_filled(const GuardHeader& header, Visit&& visit) noexcept {
  if (options.max_free_fill_size == 0) return true;
  const std::size_t all = GuardHeader::span_of(header.bytes()) - kRecordBytes;
  const std::size_t around = kGuardHeaderBytes;  // the canary behind a block that is filled whole is, too
  return for_filled_runs(all, options.max_free_fill_size + around, visit);
}

// Calls visit(GuardHeader*) for each block that is held. All threads stand still, or are this one.
template <typename F>
void for_each(F&& visit) noexcept;

// In a fork's child, the locks released: the batches of threads that are not there.
void adopt_batches() noexcept;

// The memory of blocks in [start, end) goes to others without them (a scope of an arena ends): they are held
// no longer. Waits for other threads that are just letting go of some, 100 ms at most: one may stand still in
// a signal handler. The batches of other threads are changed from here: a thread that frees into a scope
// while it ends would do so without weir, too.
void forget(const char* start, const char* end) noexcept;

void lock_for_fork() noexcept;
void unlock_after_fork() noexcept;

// ---- for for_each alone

// A place holds a block's address in the low 48 bits and above it the block's weight, what it takes of the
// budget: then the block itself is not touched before it leaves.
struct Ring {
  std::uint64_t* place;
  std::uint64_t mask;
  std::uint64_t first, behind;  // running numbers; a place is number & mask
  std::uint64_t bytes;
  std::uint64_t most_bytes;
};
extern Ring usual, large;

// The place of a block that is held no longer.
inline constexpr std::uint64_t kForgotten = 0;

inline void* block_at(std::uint64_t place) noexcept {
  return reinterpret_cast<void*>(place & ((std::uint64_t{1} << 48) - 1));
}

template <typename F>
void for_each(F&& visit) noexcept {
  for (const Ring* ring : {&usual, &large}) {
    for (std::uint64_t i = ring->first; i != ring->behind; ++i) {
      const std::uint64_t place = ring->place[i & ring->mask];
      if (place != kForgotten) visit(GuardHeader::of(block_at(place)));
    }
  }
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    const ThreadState& t = thread_state(i);
    if (!t.in_use) continue;
    for (std::uint32_t n = 0; n < t.guard.held; ++n) {
      if (t.guard.place[n] != kForgotten) visit(GuardHeader::of(block_at(t.guard.place[n])));
    }
  }
}

}  // namespace weir::quarantine
