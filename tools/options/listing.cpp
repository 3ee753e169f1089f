#include "tools/options/listing.hpp"

#include <fmt/core.h>

#include <iterator>

#include "tools/options/short_number.hpp"
#include "tools/options/table.hpp"

namespace weir {

namespace {

std::string type_of(const OptionRow& row) {
  switch (row.kind) {
    case OptionKind::kFlag:
      return "0 or 1";
    case OptionKind::kNumber:
      return fmt::format("{} to {}", short_number(row.lowest), short_number(row.highest));
    case OptionKind::kChoice:
      return std::string(row.words);
    case OptionKind::kText:
      return "text";
  }
  return {};
}

std::string initial_of(const OptionRow& row) {
  if (row.kind != OptionKind::kNumber) return std::string(row.initial);
  std::uint64_t number = 0;
  read_number(row.initial, number);
  return short_number(number);
}

void wrap(std::string& out, std::string_view text, std::size_t indent, std::size_t columns) {
  while (!text.empty()) {
    std::size_t end = text.size();
    if (indent + end > columns) {
      end = text.rfind(' ', columns - indent);
      if (end == std::string_view::npos || end == 0) end = std::min(text.find(' '), text.size());
    }
    fmt::format_to(std::back_inserter(out), "{:{}}{}\n", "", indent, text.substr(0, end));
    text.remove_prefix(end);
    if (!text.empty()) text.remove_prefix(1);
  }
}

std::string escape_bars(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

std::string options_for_terminal(std::size_t columns) {
  constexpr std::size_t kIndent = 6;
  std::string out = "Options, for WEIR_OPTIONS=key=value:key=value or `weir run --option key=value`:\n\n";
  for (const OptionRow& row : option_rows()) {
    const std::string initial = initial_of(row);
    fmt::format_to(std::back_inserter(out), "  {}={}  ({})\n", row.name, initial, type_of(row));
    wrap(out, row.sentence, kIndent, columns);
  }
  return out;
}

std::string options_as_markdown() {
  std::string out = "| option | takes | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const OptionRow& row : option_rows()) {
    const std::string initial = initial_of(row);
    fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", row.name, escape_bars(type_of(row)),
                   initial.empty() ? std::string("(empty)") : fmt::format("`{}`", initial),
                   escape_bars(row.sentence));
  }
  return out;
}

}  // namespace weir
