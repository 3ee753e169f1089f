// Starts the `weir` tool on a findings file, with the preload taken out of its environment; prints the bare
// findings itself where no program can be started.
//
// Async-signal-safe apart from what vfork implies: the caller stands still until the tool runs.
#pragma once

#include "shim/leak/findings_writer.hpp"

namespace weir {

// Finds the tool and prepares its environment; at start, while the program's own is still untouched.
void prepare_reporter() noexcept;

// Prints the findings, which are there, and waits for that. True when leaks were reported (none was suppressed away).
bool report_and_wait(const Findings& findings) noexcept;

// The line of a check that was not made.
void say_not_checked(CheckObstacle why) noexcept;

// The line that says why a report has no names.
void say_why_bare(int fd) noexcept;

// One frame of a stack in LeakSanitizer's form, as far as it goes without names.
void print_bare_frame(int fd, unsigned number, FrameToken token) noexcept;

}  // namespace weir
