#include "tools/suppressions/file.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tools/findings/read_file.hpp"

namespace weir {

namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

SuppressionFile parse_suppressions(std::string_view text, std::string_view name) {
  constexpr std::string_view kType = "leak:";
  SuppressionFile file;
  for (unsigned number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (!line.starts_with(kType) || line.size() == kType.size()) {
      file.complaints.push_back(
          fmt::format("{}:{}: ignored '{}': weir knows leak:PATTERN only", name, number, line));
      continue;
    }
    std::string pattern(line.substr(kType.size()));
    if (std::ranges::find(file.patterns, pattern) == file.patterns.end()) {
      file.patterns.push_back(std::move(pattern));
    }
  }
  return file;
}

SuppressionFile read_suppressions(const std::string& path) {
  std::vector<std::byte> bytes;
  std::string error;
  if (read_path(path, bytes, error)) {
    return parse_suppressions({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  }
  SuppressionFile file;
  file.complaints.push_back(fmt::format("no suppressions: cannot read {}: {}", path, error));
  return file;
}

}  // namespace weir
