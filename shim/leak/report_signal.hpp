// The check on demand: option report_signal's handler, and what the program sees of that signal.
//
// The handler stops the other threads, forks a child without libc's knowledge, and lets the program go on; the child
// looks at its copy of the heap. The signal is not the program's to see: it looks as if it had its default action, and who
// waits for all signals by sigwait does not get it. An action that the program sets takes it away from weir, SIG_DFL
// gives it back.
#pragma once

#include <signal.h>

#include "shim/leak/leak_check.hpp"

namespace weir::report_signal {

// Once, by the constructor.
void listen() noexcept;

// Whether the signal is the one that weir has taken.
bool is(int number) noexcept;
// And whether the program has no action of its own for it.
bool is_ours() noexcept;

// sigaction for it.
int exchange(const struct sigaction* action, struct sigaction* old) noexcept;

// Of a signal that a thread waited for by sigwait and its like: makes the check and is true where it was meant for weir.
bool take(int number, const Here& here) noexcept;

// Waits until the checks that were asked for are done: a process that ends may take them with it, as a container does, and
// whoever stops a service. A minute at most.
void await_checks() noexcept;

}  // namespace weir::report_signal
