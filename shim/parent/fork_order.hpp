// Who locks what before a fork, and in which order.
//
// jemalloc registers its handlers at the first allocation of the process, so they run last before a fork and
// first after it. What it registers are those below, which do more around its own:
//   - no signal is taken meanwhile: a handler that forks, or allocates, would wait for this very thread;
//   - glibc's lock of its list of streams comes first. fork takes it after all handlers, and whoever has it waits
//     for streams, whose users wait for the heap (fflush(NULL) beside getline);
//   - then weir's own locks, so that none is waited for by somebody who holds one of jemalloc's;
//   - a process of one thread takes none: a lock that is held there is held by the code that a signal
//     interrupted, and the child is that code, too.
#pragma once

namespace weir::parent {

// Called in this order, with whether the process has one thread only and locks are to be left alone.
struct ForkHooks {
  void (*before)(bool alone) noexcept;
  void (*in_parent)(bool alone) noexcept;
  void (*in_child)(bool alone) noexcept;
};

// For the constructor; before it nothing but the parent is locked.
void set_fork_hooks(const ForkHooks& hooks) noexcept;

}  // namespace weir::parent
