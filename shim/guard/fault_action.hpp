// The program's own action for SIGSEGV, while weir's handler stands in front of it.
//
// From begin() on the system knows weir's handler only; what the program asks for with sigaction, signal and
// their like is kept here, is what it gets as its old action, and is carried out for every fault that is not
// weir's: handlers run with the signal mask, on the stack, with the arguments and below the frame that they
// would have had, SIG_DFL ends the process by the signal at the faulting instruction.
//
// What stays different: with SIG_IGN, which is for kill() alone, a program started by exec finds SIG_DFL; a
// program that makes the system call itself, without libc, takes the signal away from weir.
//
// Thread-safe and async-signal-safe; never calls malloc.
#pragma once

#include <signal.h>

namespace weir::fault_action {

// In the constructor: puts `handler` in front. False when the system refuses.
bool begin(void (*handler)(int, siginfo_t*, void*)) noexcept;

// Whether the program's action for this signal is kept here.
bool keeps(int signal_number) noexcept;

// sigaction of a signal that is kept; either may be nullptr.
void exchange(const struct sigaction* action, struct sigaction* old) noexcept;

// What is to be done with a signal that is not weir's.
struct Next {
  void (*handler)(int, siginfo_t*, void*);  // to be called last, with the handler's arguments; or nullptr
};

// Prepares what the system would have done, from inside the handler: the mask of the program's handler is in
// force when this returns.
Next take(int signal_number, siginfo_t* info, void* context) noexcept;

}  // namespace weir::fault_action
