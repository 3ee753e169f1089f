// What is wrong with a routing rule: where, and in which words; and how it is shown.
//
// Allocates nothing, no libc.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/abi/short_text.hpp"

namespace weir {

struct RouteMistake {
  std::size_t offset = 0;  // in the rules' text
  std::size_t length = 0;
  std::string_view rule;  // the rule's text, a view into the same
  ShortText<240> message;

  explicit operator bool() const noexcept { return !message.view().empty(); }
};

inline constexpr std::size_t kMistakeColumns = 80;
using MistakeLine = ShortText<2 * kMistakeColumns + kMistakeColumns>;

constexpr bool starts_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;  // UTF-8: not a byte inside a character
}

// The piece of the rule around the place, and a line with a caret under it, each of at most 80 columns. Calls
// `put(std::string_view)` for both lines; the message is the caller's to say, before or behind.
template <typename Put>
constexpr void show_mistake(std::string_view text, const RouteMistake& mistake, Put&& put) noexcept {
  constexpr std::string_view kIndent = "  ";
  constexpr std::string_view kCut = "...";
  constexpr std::size_t kWidth = kMistakeColumns - kIndent.size() - 2 * kCut.size();
  const std::size_t rule_start = static_cast<std::size_t>(mistake.rule.data() - text.data());
  const std::string_view rule = mistake.rule;
  std::size_t place = mistake.offset > rule_start ? mistake.offset - rule_start : 0;
  if (place > rule.size()) place = rule.size();
  std::size_t from = 0;
  std::size_t to = rule.size();
  if (to > kWidth) {
    if (place > kWidth / 2) from = place - kWidth / 2;
    if (from > to - kWidth) from = to - kWidth;
    to = from + kWidth;
    while (from < place && !starts_character(rule[from])) ++from;
    while (to < rule.size() && to > place && !starts_character(rule[to])) --to;
  }
  MistakeLine shown;
  MistakeLine under;
  shown.text(kIndent).text(from != 0 ? kCut : "");
  under.text(kIndent).text(from != 0 ? "   " : "");
  for (std::size_t i = from; i < to; ++i) {
    const char c = static_cast<unsigned char>(rule[i]) < ' ' ? ' ' : rule[i];
    shown.text({&c, 1});
    if (!starts_character(c)) continue;
    if (i < place) under.text(" ");
    if (i == place) under.text("^");
    if (i > place && i - place < mistake.length) under.text("~");
  }
  if (place >= to) under.text("^");
  shown.text(to != rule.size() ? kCut : "");
  put(shown.view());
  put(under.view());
}

}  // namespace weir
