// A suppression file in LeakSanitizer's format: a line is `leak:PATTERN`, a comment (#) or empty.
//
// Lines of other types stand in files that are shared with other sanitizers; they are told and left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct SuppressionFile {
  std::vector<std::string> patterns;    // each once, in order
  std::vector<std::string> complaints;  // a sentence each, for the user
};

SuppressionFile parse_suppressions(std::string_view text, std::string_view name);

// A path that cannot be read is one complaint.
SuppressionFile read_suppressions(const std::string& path);

}  // namespace weir
