// A stack for what reports and looks at memory: the program's own may be a signal stack of a few kilobytes.
#pragma once

namespace weir {

// Calls work(of), on a stack of its own where there is memory for one; a walk of the stack finds the way
// back. Thread-safe, async-signal-safe; nested calls and other threads get stacks of their own.
void call_on_report_stack(void (*work)(void*) noexcept, void* of) noexcept;

}  // namespace weir
