// The leak check itself, and when it is made at exit (on demand: leak/report_signal).
#pragma once

#include <cstdint>

#include "shim/abi/findings.hpp"
#include "shim/leak/freeze.hpp"
#include "shim/leak/program_memory.hpp"
#include "shim/leak/reachability.hpp"
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

// Checks and reports, with the other threads standing still meanwhile. True when leaks were reported. Once in a process.
bool check_at_exit(const Here& here) noexcept;

struct CheckRequest {
  CheckReason reason;
  const CheckingThread& self;
  const FrozenThreads& others;  // they stand still
  const ParentMemory* parent;   // in a fork's child
  std::uint64_t stopped_at;     // of sys::now_ns
  std::uint64_t pause_ns;       // 0: not over yet
  // Called as soon as the blocks are no longer looked at; nullptr for nothing.
  void (*release)(const FrozenThreads& others) noexcept;
};

// Checks and reports. True when leaks were reported.
bool check(const CheckRequest& of) noexcept;

}  // namespace weir
