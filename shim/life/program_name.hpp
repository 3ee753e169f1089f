// What the program is, as it was at start: its arguments, which titles of processes are written over, and /proc may not
// be there any more when the name is asked for.
//
// Valid once remember_program has run (in start()); async-signal-safe, no malloc.
#pragma once

#include <string_view>

namespace weir {

void remember_program() noexcept;

// The file that is executed, as /proc/self/exe has it; for a program that was started as an argument of ld.so that
// program's file. Empty where the system does not tell.
std::string_view program_file() noexcept;

// The name that it was started by, without folders: a script's, a busybox applet's. What %e stands for.
std::string_view program_name() noexcept;

}  // namespace weir
