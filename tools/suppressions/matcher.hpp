// Decides for each leak whether a suppression hides it, and counts what each of them hid.
//
// The user's patterns come first, in their file's order, then the built-in ones. What a pattern says of a
// frame is worked out once a frame.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/suppressions/builtin.hpp"
#include "tools/suppressions/pattern.hpp"
#include "tools/symbols/frame.hpp"

namespace weir {

struct SuppressionUse {
  std::string pattern;
  std::uint64_t count = 0;  // blocks
  std::uint64_t bytes = 0;
  bool builtin = false;
};

class SuppressionMatcher {
 public:
  SuppressionMatcher(std::span<const std::string> patterns, bool with_builtin);

  // Counts the blocks when they are suppressed. Frames must outlive the matcher.
  bool suppresses(std::span<const Frame* const> stack, std::uint64_t blocks, std::uint64_t bytes);

  std::vector<SuppressionUse> used() const;
  std::vector<std::string> unused() const;  // of the user's patterns

 private:
  std::size_t first_match(const Frame& frame);

  std::vector<Pattern> patterns_;
  std::vector<SuppressionUse> uses_;  // of the user's patterns, then of the built-in rows
  bool with_builtin_;
  std::unordered_map<const Frame*, std::size_t> matches_;
};

}  // namespace weir
