// What stands in front of any heap: failures on demand and the record of stacks here; budgets and the log of
// calls beside it.
//
// Asked for by options, it turns the entry points to Mode::kWatch; the heap behind is what `mode` says. It
// begins at the end of weir's constructor, so that what ld.so, and libraries set up before weir, allocate is
// never refused; it ends where the program has ended and weir's reports begin. Weir's own requests pass.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/abi/route_rules.hpp"
#include "shim/unwind/stack_memo.hpp"

namespace weir {

// One request, as all who watch it need it. Passed by value: where the address of a local variable is known
// elsewhere, the compiler makes no tail call, and the inner heap would see us instead of the program.
struct WatchedCall {
  CallKind call;
  std::size_t bytes;
  std::size_t alignment;  // kGranule for calls without one
};

extern bool watch_is_on;  // between the constructor's end and the program's

// Inside the first allocation: reads the options. True when there is something to watch.
bool set_up_watch() noexcept;

// At the constructor's end.
void begin_watch() noexcept;

// At the end of the program, before the reports; says what verbosity asks for. Idempotent.
void end_watch() noexcept;

void lock_watch_for_fork() noexcept;
void unlock_watch_after_fork() noexcept;
void adopt_watch_in_child() noexcept;

}  // namespace weir
