#include "tools/options/table.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "tools/options/edit_distance.hpp"

namespace weir {

namespace {

constexpr OptionRow kRows[] = {
#define WEIR_FLAG(name, initial, sentence) {#name, OptionKind::kFlag, #initial, 0, 1, {}, sentence},
#define WEIR_NUMBER(name, initial, lowest, highest, sentence) \
  {#name, OptionKind::kNumber, #initial, lowest, highest, {}, sentence},
#define WEIR_CHOICE(name, initial, words, sentence) \
  {#name, OptionKind::kChoice, initial, 0, 0, words, sentence},
#define WEIR_TEXT(name, initial, sentence) {#name, OptionKind::kText, initial, 0, 0, {}, sentence},
#include "shim/abi/options.def"
#undef WEIR_FLAG
#undef WEIR_NUMBER
#undef WEIR_CHOICE
#undef WEIR_TEXT
};

bool is_one_of(std::string_view words, std::string_view value) {
  while (true) {
    const std::size_t bar = words.find('|');
    if (words.substr(0, bar) == value) return true;
    if (bar == std::string_view::npos) return false;
    words.remove_prefix(bar + 1);
  }
}

}  // namespace

std::span<const OptionRow> option_rows() {
  return kRows;
}

const OptionRow* find_option(std::string_view name) {
  const auto* row = std::ranges::find(kRows, name, &OptionRow::name);
  return row == std::end(kRows) ? nullptr : row;
}

const OptionRow& nearest_option(std::string_view name) {
  return *std::ranges::min_element(kRows, {},
                                   [&](const OptionRow& row) { return edit_distance(name, row.name); });
}

std::string allowed_values(const OptionRow& row) {
  switch (row.kind) {
    case OptionKind::kFlag:
      return "0 or 1";
    case OptionKind::kNumber:
      return fmt::format("{} to {}", row.lowest, row.highest);
    case OptionKind::kChoice:
      return std::string(row.words);
    case OptionKind::kText:
      return fmt::format("at most {} bytes in one line", kLongestOptionText);
  }
  return {};
}

bool is_allowed(const OptionRow& row, std::string_view value) {
  switch (row.kind) {
    case OptionKind::kFlag: {
      bool ignored = false;
      return read_flag(value, ignored);
    }
    case OptionKind::kNumber: {
      std::uint64_t number = 0;
      return read_number(value, number) && number >= row.lowest && number <= row.highest;
    }
    case OptionKind::kChoice:
      return is_one_of(row.words, value);
    case OptionKind::kText:
      return value.size() <= kLongestOptionText && value.find('\n') == std::string_view::npos;
  }
  return false;
}

std::string option_mistake(std::string_view name, std::string_view value) {
  const OptionRow* row = find_option(name);
  if (row == nullptr) {
    return fmt::format("unknown option '{}', the nearest is '{}' (weir options lists them)", name,
                       nearest_option(name).name);
  }
  if (is_allowed(*row, value)) return {};
  return fmt::format("option '{}' cannot be '{}', it takes {}", name, value, allowed_values(*row));
}

}  // namespace weir
