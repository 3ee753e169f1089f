// `weir limit-report`: prints which limit was exceeded, and who holds the most. The preloaded library starts
// it when that happens, and the program waits.
#pragma once

#include <string>

namespace weir {

// One of findings.hpp's kReport… . Either from the descriptor, when it is not negative, or from the file.
int limit_report(int fd, const std::string& file);

}  // namespace weir
