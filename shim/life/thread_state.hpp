// What weir keeps for each thread: its stack memo, its counters, and the mark that weir is at work in it.
//
// States live in one table, are handed out to threads at their first allocation and returned when the
// thread is gone; none is ever unmapped, so that the leak checker may read all of them at any time. Those of
// ended threads are as good as new threads' own, for the next ones; but only some keep their memory. The
// pointer is the only thread-local variable (initial-exec: no allocation, no __tls_get_addr).
//
// A thread between its last destructor and its end, or one for which there was no memory, has no state: its
// allocations share one memo behind a lock, and are counted globally.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/pages.hpp"
#include "shim/track/freed_bytes.hpp"
#include "shim/track/tags.hpp"
#include "shim/unwind/stack_memo.hpp"

namespace weir {

// What a thread allocated since its counts were last added to the process's. `live` may be negative.
struct HeapCounts {
  std::uint64_t allocations = 0;
  std::uint64_t frees = 0;
  std::int64_t live_bytes = 0;
  std::int64_t peak_bytes = 0;  // highest value of live_bytes
};

// mode=guard: the thread's coarse clock, and the blocks that it has freed last (guard/quarantine).
struct GuardThread {
  static constexpr std::uint32_t kMostHeld = 64;
  static constexpr std::uint32_t kMostLeaving = 2 * kMostHeld;
  std::uint32_t ticks;       // of guard_clock, some calls old
  std::uint32_t calls_left;  // until the clock is read again
  std::uint64_t calls;       // since the last check of all blocks
  std::uint64_t held_bytes;
  std::uint32_t held;
  std::uint32_t leaving;
  std::uint64_t place[kMostHeld];      // as in the quarantine's ring
  std::uint64_t leaves[kMostLeaving];  // out of the ring, and on their way to the parent
};

// Its first page is all that a thread touches that allocates little.
struct ThreadState {
  alignas(16) char small_memo[StackMemo::kSmallBytes];
  StackMemo memo;
  StackMemo free_memo;  // of frees, where their stacks are kept: they come from other places than allocations
  HeapCounts counts;
  ClearAllowance clear;
  // A section of weir's own is running on this thread: a signal handler that allocates now must not touch
  // the memo, and must not wait for a lock.
  bool busy;
  bool own_work;  // weir itself calls libc on this thread: what that allocates is not the program's
  bool in_use;
  TagStack tags;
  std::uint32_t number;     // counts threads from 1 on, in the order of their first allocations
  std::uint64_t stack_top;  // the thread control block: where this thread's stack ends
  std::uint64_t signal_stack, signal_stack_end;  // as it was given to sigaltstack; 0: none
  ThreadState* next_free;
  GuardThread guard;  // its arrays last
  alignas(16) char small_free_memo[StackMemo::kSmallBytes];
};
static_assert(offsetof(ThreadState, guard.place) <= kPageSize);

extern __thread ThreadState* this_thread __attribute__((tls_model("initial-exec")));

// What a heap does when a thread's state ends; set before the first.
using ThreadEnd = void(ThreadState&);
extern ThreadEnd* at_thread_end;

// This thread's state, made if it has none yet; nullptr where it can have none.
ThreadState* make_thread_state() noexcept;

// The memo of threads without a state, emptied, while it lives; nullptr when another thread has it.
class LateMemo {
 public:
  LateMemo() noexcept;
  ~LateMemo();
  LateMemo(const LateMemo&) = delete;
  LateMemo& operator=(const LateMemo&) = delete;

  StackMemo* memo() const noexcept { return memo_; }

 private:
  StackMemo* memo_ = nullptr;
};

// For the leak checker, which reads while all threads stand still.
std::uint32_t thread_state_count() noexcept;
const ThreadState& thread_state(std::uint32_t index) noexcept;
ThreadState& thread_state_of(std::uint32_t index) noexcept;  // for who must change it

// Called by the constructor: registers what ends a thread's state.
void watch_thread_exits() noexcept;

// For a thread that has something to give back at its end.
void watch_this_thread() noexcept;

// From here on the tags of rules count where a thread has pushed none. Before there is a second thread.
void tag_by_rules() noexcept;

// In a fork's child: every other thread's state is nobody's now.
void forget_other_threads() noexcept;

// While it lives, allocations of this thread are weir's own: tracked so that they can be freed, and left out
// of counts and reports.
class OwnWork {
 public:
  OwnWork() noexcept : thread_(make_thread_state()) {
    if (thread_ != nullptr) thread_->busy = thread_->own_work = true;
  }
  ~OwnWork() {
    if (thread_ != nullptr) thread_->busy = thread_->own_work = false;
  }
  OwnWork(const OwnWork&) = delete;
  OwnWork& operator=(const OwnWork&) = delete;

 private:
  ThreadState* thread_;
};

void lock_thread_states() noexcept;
void unlock_thread_states() noexcept;

}  // namespace weir
