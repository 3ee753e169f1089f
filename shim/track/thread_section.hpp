// A thread's part of noting allocations and frees, common to the heaps that track: the section in which its
// memo may be used, and what is done where it must not.
#pragma once

#include "shim/abi/route_rules.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/track/heap_totals.hpp"

namespace weir {

// First allocation of a thread, or weir at work on it already: see enter().
ThreadState* enter_slowly() noexcept;

// Guards the section in which this thread uses its memo; nullptr when it must not.
inline ThreadState* enter() noexcept {
  ThreadState* t = this_thread;
  if (__builtin_expect(t == nullptr || t->busy, 0)) return enter_slowly();
  t->busy = true;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  return t;
}

inline void leave(ThreadState* t) noexcept {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  t->busy = false;
}

// The stack of an allocation with the tag that the thread or a rule puts on it.
StackId tag_stack(const ThreadState& t, StackId stack, const CallSite& site, std::size_t bytes,
                  std::size_t alignment, CallKind call) noexcept;
[[gnu::always_inline]] inline StackId with_tag(const ThreadState& t, StackId stack, const CallSite& site,
                                               std::size_t bytes, std::size_t alignment,
                                               CallKind call) noexcept {
  if (__builtin_expect(t.tags.current == kNoTag, 1)) return stack;
  return tag_stack(t, stack, site, bytes, alignment, call);
}

// The stack of a place that is no allocation, for a report; kNoStack where weir is at work on this thread, or on
// another one without a state. Async-signal-safe.
StackId stack_for_report(const CallSite& site) noexcept;

void count_globally(std::uint64_t allocated, std::uint64_t freed, std::uint64_t bytes) noexcept;

// The stack and family of a block made where enter() gave nothing: on a thread that has ended its state, or
// one on which weir is at work (a signal handler allocates inside an allocation: no memo, no waiting for a
// lock, the block has no stack; or libc does for weir).
StackId note_without_state(const CallSite& site, std::uint64_t bytes, Family& family) noexcept;

inline void note_free(std::uint64_t bytes, Family family) noexcept {
  ThreadState* t = this_thread;
  if (__builtin_expect(family == Family::kOwn, 0)) return;
  if (__builtin_expect(t != nullptr && !t->busy, 1)) {
    count_free(t->counts, bytes);
  } else {
    count_globally(0, 1, bytes);
  }
}

}  // namespace weir
