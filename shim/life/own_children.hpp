// The processes that weir starts: children of the program that its waits must not meet.
//
// They have no exit signal, so that plain waits pass them over and no SIGCHLD tells of them; those with __WALL or
// __WCLONE do not, and so entry/entry_wait filters what libc's waits return. Lock-free, async-signal-safe; at most
// kMost at a time, further ones are not filtered.
#pragma once

#include <sys/types.h>

#include <atomic>

namespace weir::own_children {

inline constexpr unsigned kMost = 32;

// A slot that the kernel writes the child's pid into (CLONE_PARENT_SETTID), before the child runs; nullptr when all are
// taken.
pid_t* take_slot() noexcept;
// After the child was waited for, or was never made.
void give_slot(pid_t* slot) noexcept;

// In a fork's child: they are the parent's.
void forget() noexcept;

extern std::atomic<unsigned> slots_taken;

bool hold(pid_t pid) noexcept;

// What waits ask: almost always one load.
inline bool has(pid_t pid) noexcept {
  return __builtin_expect(slots_taken.load(std::memory_order_acquire) != 0, 0) && hold(pid);
}

}  // namespace weir::own_children
