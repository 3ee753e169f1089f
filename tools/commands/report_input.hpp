// What the commands that the library starts have in common: findings come in, and settings with them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/findings/findings.hpp"
#include "tools/options/settings.hpp"

namespace weir {

struct ReportInput {
  std::vector<std::byte> bytes;
  Findings findings;
  Settings settings;
  std::string program;  // for %e
};

// Readies the process for a report as well. Findings come from the descriptor, when it is not negative, or
// from the file; they are refused unless they are those of incidents, or are not, as asked for. False after
// one line that says why.
bool read_report_input(int fd, const std::string& file, bool incidents, ReportInput& into);

}  // namespace weir
