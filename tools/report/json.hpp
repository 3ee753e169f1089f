// The report as one JSON object; docs/LEAK_REPORT_JSON.md says what the members mean.
#pragma once

#include <string>

#include "tools/options/settings.hpp"
#include "tools/report/leaks.hpp"

namespace weir {

std::string report_json(const LeakReport& report, const Settings& settings);

}  // namespace weir
