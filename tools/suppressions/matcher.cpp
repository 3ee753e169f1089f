#include "tools/suppressions/matcher.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace weir {

SuppressionMatcher::SuppressionMatcher(std::span<const std::string> patterns, bool with_builtin)
    : patterns_(patterns.begin(), patterns.end()), with_builtin_(with_builtin) {
  for (const std::string& pattern : patterns) uses_.push_back({.pattern = pattern});
  for (const BuiltinSuppression& row : builtin_suppressions()) {
    uses_.push_back({.pattern = fmt::format("{} in {}", row.function, row.module), .builtin = true});
  }
}

bool SuppressionMatcher::suppresses(std::span<const Frame* const> stack, std::uint64_t blocks,
                                    std::uint64_t bytes) {
  std::size_t match = patterns_.size();
  if (!patterns_.empty()) {
    for (const Frame* frame : stack) match = std::min(match, first_match(*frame));
  }
  if (match == patterns_.size()) {
    const BuiltinSuppression* row = with_builtin_ ? find_builtin(stack) : nullptr;
    if (row == nullptr) return false;
    match += static_cast<std::size_t>(row - builtin_suppressions().data());
  }
  uses_[match].count += blocks;
  uses_[match].bytes += bytes;
  return true;
}

std::vector<SuppressionUse> SuppressionMatcher::used() const {
  std::vector<SuppressionUse> used;
  std::ranges::copy_if(uses_, std::back_inserter(used), [](const auto& use) { return use.count != 0; });
  return used;
}

std::vector<std::string> SuppressionMatcher::unused() const {
  std::vector<std::string> unused;
  for (const SuppressionUse& use : uses_) {
    if (use.count == 0 && !use.builtin) unused.push_back(use.pattern);
  }
  return unused;
}

// The number of the first pattern that matches the frame; how many there are when none does.
std::size_t SuppressionMatcher::first_match(const Frame& frame) {
  const auto [entry, is_new] = matches_.try_emplace(&frame, patterns_.size());
  if (!is_new) return entry->second;
  const auto matches = [&](const Pattern& pattern) {
    return pattern.matches(frame.module->path) ||
           std::ranges::any_of(frame.sources, [&](const SourceFrame& source) {
             return pattern.matches(source.function) || pattern.matches(source.file);
           });
  };
  const auto found = std::ranges::find_if(patterns_, matches);
  return entry->second = static_cast<std::size_t>(found - patterns_.begin());
}

}  // namespace weir
