// The report as people read it, in LeakSanitizer's layout.
#pragma once

#include <string>

#include "tools/options/settings.hpp"
#include "tools/report/leaks.hpp"

namespace weir {

// Empty when there is nothing to say.
std::string report_text(const LeakReport& report, const Settings& settings, bool color);

}  // namespace weir
