#include "tools/options/settings.hpp"

#include "tools/options/split.hpp"
#include "tools/options/table.hpp"

namespace weir {

namespace {

void assign(bool& to, std::string_view value) {
  read_flag(value, to);
}
void assign(std::uint64_t& to, std::string_view value) {
  read_number(value, to);
}
void assign(std::string& to, std::string_view value) {
  to = value;
}

}  // namespace

std::string Settings::set(std::string_view name, std::string_view value) {
  std::string mistake = option_mistake(name, value);
  if (!mistake.empty()) return mistake;
#define WEIR_FLAG(row, initial, sentence) \
  if (name == #row) assign(row, value);
#define WEIR_NUMBER(row, initial, lowest, highest, sentence) WEIR_FLAG(row, initial, sentence)
#define WEIR_CHOICE(row, initial, words, sentence) WEIR_FLAG(row, initial, sentence)
#define WEIR_TEXT(row, initial, sentence) WEIR_FLAG(row, initial, sentence)
#include "shim/abi/options.def"
#undef WEIR_FLAG
#undef WEIR_NUMBER
#undef WEIR_CHOICE
#undef WEIR_TEXT
  return mistake;
}

Settings read_settings(std::string_view lines, std::vector<std::string>& mistakes) {
  Settings settings;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const OptionPair pair = split_pair(lines.substr(0, end));
    std::string mistake = settings.set(pair.key, pair.value);
    if (!mistake.empty()) mistakes.push_back(std::move(mistake));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  return settings;
}

Settings settings_of_environment(std::string_view weir_options) {
  Settings settings;
  for (const OptionPair& pair : split_options(weir_options)) {
    if (pair.has_value) settings.set(pair.key, pair.value);
  }
  return settings;
}

}  // namespace weir
