// The text of WEIR_OPTIONS, taken apart and put together as the library does: key=value pairs separated by
// colons, blanks or commas, with single or double quotes around what holds a separator.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct OptionPair {
  std::string key;
  std::string value;
  bool has_value;  // an equals sign was there
};

// One "key=value" without any quoting.
OptionPair split_pair(std::string_view pair);

// A comma separates only where a new key follows: only=a,b is one value. An open quote ends with the text.
std::vector<OptionPair> split_options(std::string_view text);

// The text that split_options reads as this pair.
std::string join_option(std::string_view key, std::string_view value);

// `before` and then `after`, so that `after` wins even where `before` ends in an open quote.
std::string join_option_texts(std::string_view before, std::string_view after);

}  // namespace weir
