// The value of every option, as the tool goes by them: defaults from the table, then what was set.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the order is the table's, made for readers
struct Settings {
#define WEIR_FLAG(name, initial, sentence) bool name = initial;
#define WEIR_NUMBER(name, initial, lowest, highest, sentence) std::uint64_t name = initial;
#define WEIR_CHOICE(name, initial, words, sentence) std::string name = initial;
#define WEIR_TEXT(name, initial, sentence) std::string name = initial;
#include "shim/abi/options.def"
#undef WEIR_FLAG
#undef WEIR_NUMBER
#undef WEIR_CHOICE
#undef WEIR_TEXT

  // Nothing when it was taken; else the sentence of option_mistake, and nothing has changed.
  std::string set(std::string_view name, std::string_view value);
};

// What the library hands on: "key=value\n" for every row.
// Lines that are no option here are told in `mistakes`.
Settings read_settings(std::string_view lines, std::vector<std::string>& mistakes);

// What a program with this WEIR_OPTIONS goes by; the mistakes in it are the library's to tell.
Settings settings_of_environment(std::string_view weir_options);

}  // namespace weir
