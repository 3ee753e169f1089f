// Where one rule ends and the next begins, in WEIR_ROUTES and in options that are made of rules: at a ';' or
// the end of a line, outside quotes. A '#' at the start of a word begins a comment, to the line's end.
//
// Allocates nothing, no libc.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

// Calls `visit(from, to)` for each rule that is not empty, without blanks around it.
template <typename Visit>
constexpr void for_each_rule(std::string_view text, Visit&& visit) noexcept {
  constexpr std::string_view kBlanks = " \t\r";
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t from = at;
    bool quoted = false;
    bool comment = false;
    std::size_t to = at;  // behind the last letter of the rule
    for (; at < text.size() && text[at] != '\n'; ++at) {
      const bool blank = kBlanks.find(text[at]) != kBlanks.npos;
      const bool word_starts = at == from || kBlanks.find(text[at - 1]) != kBlanks.npos;
      if (!quoted && text[at] == '#' && word_starts) comment = true;
      if (comment) continue;
      if (!quoted && text[at] == ';') break;
      if (text[at] == '"') quoted = !quoted;
      if (!blank) to = at + 1;
    }
    if (at < text.size()) ++at;
    while (from < to && kBlanks.find(text[from]) != kBlanks.npos) ++from;
    if (from < to) visit(from, to);
  }
}

}  // namespace weir
