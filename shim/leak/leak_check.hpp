// The leak check itself, at exit and on demand.
#pragma once

#include <cstdint>

#include "shim/unwind/stack_memo.hpp"

namespace weir {

// Registers that a caller's frames may hold pointers in; taken by WEIR_HERE at the outermost function of
// ours, so that what the check itself leaves on the stack is not searched.
struct Here {
  std::uint64_t sp;
  std::uint64_t registers[6];  // rbx, rbp, r12 … r15
  CallSite caller;
};

#define WEIR_HERE(here)                                                           \
  ::weir::Here here;                                                              \
  asm volatile(                                                                   \
      "mov %%rbx, 0(%0); mov %%rbp, 8(%0); mov %%r12, 16(%0); mov %%r13, 24(%0);" \
      "mov %%r14, 32(%0); mov %%r15, 40(%0)" ::"r"(here.registers)                \
      : "memory");                                                                \
  here.sp = reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)) + 16;     \
  here.caller = WEIR_CALL_SITE()

// Checks and reports, with the other threads standing still meanwhile. True when leaks were reported. At
// most one thread does it, once; others return false.
bool check_at_exit(const Here& here) noexcept;

// Installs the handler of option report_signal.
void listen_for_report_signal() noexcept;

}  // namespace weir
