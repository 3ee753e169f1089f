// The rows of options.def as data: what the tool's checks, listings and defaults are made from.
//
// Constant after start; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shim/abi/option_values.hpp"

namespace weir {

enum class OptionKind { kFlag, kNumber, kChoice, kText };

struct OptionRow {
  std::string_view name;
  OptionKind kind;
  std::string_view initial;  // as a user writes it
  std::uint64_t lowest;      // kNumber
  std::uint64_t highest;
  std::string_view words;  // kChoice: "a|b|c"
  std::string_view sentence;
};

inline constexpr std::size_t kLongestOptionText = 1023;

std::span<const OptionRow> option_rows();

// The row of that name, or nullptr.
const OptionRow* find_option(std::string_view name);

// The row whose name takes the fewest edits to reach from `name`.
const OptionRow& nearest_option(std::string_view name);

// What the option takes, for people: "0 or 1", "1 to 1024", "leak|pass", …
std::string allowed_values(const OptionRow& row);

bool is_allowed(const OptionRow& row, std::string_view value);

// Nothing when name and value are right; else one sentence naming both, what is allowed and the nearest name.
std::string option_mistake(std::string_view name, std::string_view value);

}  // namespace weir
