// Stops the process's other threads for the moment of a leak check, without ptrace.
//
// Each thread gets a signal whose handler notes the thread's registers and waits on a futex until it is let
// go. A thread that does not answer in time, or has the signal blocked, goes on running; it is counted as
// silent and the whole mapping that holds its stack is searched instead of the live part.
//
// One freeze at a time. Between freeze and release the caller must not take any lock that a stopped thread
// may hold: no malloc, no stdio, no loader. Async-signal-safe itself.
#pragma once

#include <sys/types.h>
#include <cstdint>

namespace weir {

inline constexpr unsigned kRegisters = 23;  // gregs of ucontext

struct FrozenThread {
  pid_t tid;
  std::uint32_t answered;  // 1: registers are valid
  std::uint32_t gone;      // 1: ended before it could answer
  std::uint64_t sp;
  std::uint64_t stack_top;  // thread control block
  std::uint64_t registers[kRegisters];
};

struct FrozenThreads {
  FrozenThread* threads;  // all but the caller's
  std::uint32_t count;
  std::uint32_t silent;
  bool main_thread_gone;  // it called pthread_exit and stays as a zombie
};

// The right to freeze, which one thread has at a time. False when another has it, or this one (a signal
// handler that interrupts a check). Whoever got it gives it back.
bool take_freeze() noexcept;
// The same, waiting for another thread.
bool wait_for_freeze() noexcept;
void give_freeze() noexcept;
// In a fork's child: nobody has it.
void forget_freeze() noexcept;

// Stops what it can; waits at most `timeout_ms`.
FrozenThreads freeze_threads(std::uint64_t timeout_ms) noexcept;
void release_threads() noexcept;

}  // namespace weir
