#include "tools/routes/rule_set.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "shim/abi/route_parser.hpp"
#include "tools/findings/read_file.hpp"

namespace weir {

namespace {

// "FILE:3" where the text has lines.
std::string place_of(std::string_view text, std::size_t offset, const std::string& place) {
  if (text.find('\n') == std::string_view::npos) return place;
  return fmt::format("{}:{}", place, 1 + std::ranges::count(text.substr(0, offset), '\n'));
}

}  // namespace

RuleSet::RuleSet(std::string text, const std::string& place) : text_(std::move(text)) {
  parse_routes(text_, rules_, [&](const RouteMistake& mistake) {
    std::string shown =
        fmt::format("weir: {}: {}\n", place_of(text_, mistake.offset, place), mistake.message.view());
    show_mistake(text_, mistake, [&](std::string_view line) { shown.append(line) += '\n'; });
    mistakes_.push_back(std::move(shown));
  });
}

std::vector<std::string> RuleSet::warnings() const {
  std::vector<std::string> warnings;
  for (unsigned i = 0; i < rules_.count; ++i) {
    const unsigned before = hidden_behind(rules_, i);
    if (before == i) continue;
    warnings.push_back(fmt::format("rule {} ({}) never takes anything: rule {} ({}) takes it first", i + 1,
                                   route_name(rules_, i).view(), before + 1,
                                   route_name(rules_, before).view()));
  }
  return warnings;
}

bool read_rules_text(std::string& text, std::string& place, std::string& error) {
  if (text.starts_with('@')) {
    place = text.substr(1);
    std::vector<std::byte> bytes;
    std::string why;
    if (!read_path(place, bytes, why)) {
      error = fmt::format("cannot read {}: {}", place, why);
      return false;
    }
    text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  if (text.size() <= kMostRulesText) return true;
  error = fmt::format("{}: more than {} bytes of rules", place, kMostRulesText);
  return false;
}

}  // namespace weir
