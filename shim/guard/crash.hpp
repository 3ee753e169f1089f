// What is looked at when a signal ends the program (check_at_crash): all blocks, once, before it dies as it
// would have. Who overwrote a pointer may be long gone; the damage beside it is often still there.
//
// For SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT weir has a handler as long as the program has none: where
// its action is SIG_DFL, and there it sees SIG_DFL. Actions of its own go to the system as they are. With
// guard=page SIGSEGV is fault_action's, which asks here before it lets the program die.
//
// Thread-safe and async-signal-safe; never calls malloc.
#pragma once

#include <signal.h>

namespace weir::crash {

// In the constructor.
void begin() noexcept;

// Whether actions for this signal go through exchange().
bool watches(int number) noexcept;

// libc's sigaction for such a signal.
int exchange(int number, const struct sigaction* action, struct sigaction* old) noexcept;

// What signal() and its like are to return of what libc's have.
sighandler_t as_program_sees(sighandler_t handler) noexcept;

// From the handler of a signal that is to end the process: checks all blocks, once, and reports what is
// damaged, whatever on_error says. When the handler returns the system does what it does by default,
// at that place.
void let_die(int number, siginfo_t* info, void* context) noexcept;

// weir itself ends the process by SIGABRT: what there is to say has been said.
void stand_aside() noexcept;

}  // namespace weir::crash
