// `weir incident-report`: prints what the guard found. The preloaded library starts it when that happens, and
// the program waits.
#pragma once

#include <string>

namespace weir {

// One of findings.hpp's kReport… . Either from the descriptor, when it is not negative, or from the file.
int incident_report(int fd, const std::string& file);

}  // namespace weir
