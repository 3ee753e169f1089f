// `weir check PID`: asks a program that runs under weir for a leak check now.
#pragma once

#include <string>

namespace weir {

// 0 when it was asked; 1, and one line on stderr, when it can't be. `proc` is /proc, or a test's.
int check(int pid, const std::string& proc = "/proc");

}  // namespace weir
