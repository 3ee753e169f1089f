// The processes that weir starts: children of the program that its waits must not meet.
//
// They have no exit signal, so that plain waits pass them over and no SIGCHLD tells of them; those with __WALL or
// __WCLONE do not, and so entry/entry_wait takes them out of what libc's waits return. Lock-free, async-signal-safe; at
// most kMost at a time, further ones are met.
#pragma once

#include <sys/types.h>

#include <atomic>

namespace weir::own_children {

inline constexpr unsigned kMost = 128;

extern std::atomic<unsigned> known;

// Where the kernel writes the pid of a child that is about to be made (CLONE_PARENT_SETTID), before the child runs;
// nullptr when all places are taken. drop() when there is no child after all.
pid_t* place() noexcept;
void drop(pid_t* place) noexcept;
// Of one that was made otherwise.
void note(pid_t pid) noexcept;

// wait4 for one of them, whatever its kind. After its end, or -ECHILD when the program's wait was quicker, it is
// forgotten.
long wait(pid_t pid, int* status, int options) noexcept;

// In a fork's child: they are the parent's.
void forget() noexcept;

bool knows(pid_t pid) noexcept;
// A wait of the program's has met it; it is gone for wait().
void was_met(pid_t pid) noexcept;

// What the program's waits ask: almost always one load.
inline bool has(pid_t pid) noexcept {
  return __builtin_expect(known.load(std::memory_order_acquire) != 0, 0) && knows(pid);
}

}  // namespace weir::own_children
