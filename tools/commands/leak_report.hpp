// `weir leak-report`: prints what a leak check found. The preloaded library starts it at the program's exit.
#pragma once

#include <string>

namespace weir {

// One of findings.hpp's kReport… . Either from the descriptor, when it is not negative, or from the file.
int leak_report(int fd, const std::string& file);

}  // namespace weir
