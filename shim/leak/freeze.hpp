// Stops the process's other threads for the moment of a check.
//
// By ptrace where the system allows it (leak/freeze_tracer): a stopped thread runs nothing, nothing is written
// to its stack, and calls that sleep go on sleeping. Else by a signal (leak/freeze_signal), whose handler waits
// until the thread is let go. A thread that does not stand still in time goes on running; it is counted as
// silent, and the whole mapping that holds its stack is searched instead of the live part.
//
// One freeze at a time, by whoever has the right to it. Between freeze and release the caller must not take any
// lock that a stopped thread may hold: no malloc, no stdio, no loader; signals wait meanwhile, but for those of
// its own faults. Async-signal-safe itself.
#pragma once

#include <sys/types.h>
#include <cstdint>

#include "shim/leak/vector_registers.hpp"

namespace weir {

inline constexpr unsigned kRegisters = 23;  // as many as gregs of ucontext has; in no order

struct FrozenThread {
  pid_t tid;
  std::uint32_t answered;  // 1: registers are valid
  std::uint32_t gone;      // 1: ended before it could answer
  std::uint32_t asked;     // 1: it was sent the signal, or is traced
  int held_signal;         // by ptrace: the signal that it was about to get
  std::uint32_t
      cut_short;  // by ptrace: the call that it was in returns with a part of what was to be transferred
  std::uint64_t sp;
  std::uint64_t stack_top;  // thread control block
  std::uint64_t gs_base;
  std::uint64_t registers[kRegisters];
  VectorWords vectors;
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
// For a handler of the report signal: false when somebody has it already, and then the signal is sent again as
// soon as that is over.
bool take_freeze_or_ask_later() noexcept;
// Whether such a signal was asked for, or is on its way.
bool report_is_asked_for() noexcept;
// In a fork's child: nobody has it.
void forget_freeze() noexcept;

// Whether the process goes on after the check. If not, threads that sleep in a call that would return EINTR, or a part
// of what it was to transfer, are kept: until let_sleepers_go, or the end.
enum class FreezeEnd { kGoesOn, kProcessEnds };

// Stops what it can; waits at most `timeout_ms`.
FrozenThreads freeze_threads(std::uint64_t timeout_ms, FreezeEnd end = FreezeEnd::kGoesOn) noexcept;
void release_threads() noexcept;
void let_sleepers_go() noexcept;

// Says once of each thread that did not stand still which it is. After the release.
void name_silent_threads(const FrozenThreads& threads) noexcept;

}  // namespace weir
