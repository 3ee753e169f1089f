// Freed blocks, held back before their memory is used again, to find who still writes to them.
//
// Each thread collects the blocks that it frees (GuardThread) and hands over a batch at a time; behind that
// is one ring for the process, first in, first out, bounded by quarantine_bytes and quarantine_blocks (the
// threads' batches, 64 blocks each, come on top). A block that leaves is held against what it was filled with
// and goes to the parent; a damaged one stays out of use for good. O(1) a block; a lock once in 64.
#pragma once

#include <cstdint>

#include "shim/guard/fill.hpp"
#include "shim/guard/guard_header.hpp"
#include "shim/life/thread_state.hpp"

namespace weir::quarantine {

// At start, once the options are known. False when there is no memory for the ring: nothing is held then.
bool set_up() noexcept;

// A block whose header says that it is freed; fills it and keeps it. `t` may be nullptr (a thread's end, a
// signal handler inside weir): then the block goes to the ring at once.
void hold(ThreadState* t, GuardHeader* header) noexcept;

// Hands the thread's batch over.
void flush(ThreadState& t) noexcept;

// How many bytes of a freed block are filled, from its start on.
std::size_t filled_bytes(const GuardHeader& header) noexcept;

// Calls visit(GuardHeader*) for each block that is held. All threads stand still, or are this one.
template <typename F>
void for_each(F&& visit) noexcept;

void lock_for_fork() noexcept;
void unlock_after_fork() noexcept;

// ---- for for_each alone

struct Ring {
  void** block;
  std::uint64_t mask;
  std::uint64_t first, behind;  // running numbers; a place is number & mask
  std::uint64_t bytes;
};
extern Ring ring;

template <typename F>
void for_each(F&& visit) noexcept {
  for (std::uint64_t i = ring.first; i != ring.behind; ++i) {
    if (void* block = ring.block[i & ring.mask]) visit(GuardHeader::of(block));
  }
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    const ThreadState& t = thread_state(i);
    if (!t.in_use) continue;
    for (std::uint32_t n = 0; n < t.guard.held; ++n) visit(GuardHeader::of(t.guard.block[n]));
  }
}

}  // namespace weir::quarantine
