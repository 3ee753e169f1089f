// One routing rule as text that is read from the front, and the note of what is wrong with it.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/abi/near_word.hpp"
#include "shim/abi/route_mistake.hpp"

namespace weir {

class RouteScanner {
 public:
  RouteScanner(std::string_view text, std::size_t from, std::size_t to) noexcept
      : text_(text), at_(from), end_(to) {
    mistake_.rule = text.substr(from, to - from);
  }

  const RouteMistake& mistake() const noexcept { return mistake_; }

 protected:
  static constexpr std::string_view kBlanks = " \t\r";

  template <typename... Parts>
  bool fail(std::size_t from, std::size_t to, Parts... parts) noexcept {
    mistake_.offset = from;
    mistake_.length = to > from ? to - from : 1;
    mistake_.message = {};
    (mistake_.message.text(std::string_view(parts)), ...);
    return false;
  }

  // Names the word that was meant, or all of them where none is like it.
  template <std::size_t kCount>
  bool fail_word(std::size_t from, std::string_view what, const std::string_view (&words)[kCount]) noexcept {
    const std::string_view word = since(from);
    const std::string_view nearest = nearest_word(word, words);
    fail(from, at_, "'", cut(word), "' is no ", what);
    if (word_distance(word, nearest) <= nearest.size() / 2) {
      mistake_.message.text("; the nearest is '").text(nearest).text("'");
      return false;
    }
    for (std::size_t i = 0; i < kCount; ++i) mistake_.message.text(i == 0 ? ": " : ", ").text(words[i]);
    return false;
  }

  static std::string_view cut(std::string_view word) noexcept { return word.substr(0, 40); }
  std::string_view since(std::size_t from) const noexcept { return text_.substr(from, at_ - from); }
  bool done() const noexcept { return at_ >= end_; }
  char peek() const noexcept { return done() ? '\0' : text_[at_]; }
  bool at_arrow() const noexcept { return peek() == '-' && at_ + 1 < end_ && text_[at_ + 1] == '>'; }
  // Between the terms of an option's value; WEIR_ROUTES, where operator&& is a function, does not know it.
  bool at_and() const noexcept {
    return and_joins_ && peek() == '&' && at_ + 1 < end_ && text_[at_ + 1] == '&';
  }
  bool at_blank() const noexcept { return !done() && kBlanks.find(text_[at_]) != kBlanks.npos; }
  void skip_blanks() noexcept {
    while (at_blank()) ++at_;
  }
  bool skip(char c) noexcept {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  static bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  static bool is_of_name(char c) noexcept { return is_letter(c) || c == '.' || c == '-'; }

  std::string_view take_word() noexcept {
    const std::size_t from = at_;
    while (!done() && is_letter(text_[at_])) ++at_;
    return since(from);
  }
  // For messages: what stands here up to a separator.
  std::string_view take_anything() noexcept {
    const std::size_t from = at_;
    while (!done() && !at_blank() && !at_arrow() && !at_and() &&
           std::string_view(",()=<>").find(peek()) == kBlanks.npos) {
      ++at_;
    }
    if (at_ == from && !done()) ++at_;
    return since(from);
  }

  template <std::size_t kCount>
  static std::size_t place_in(const std::string_view (&words)[kCount], std::string_view word) noexcept {
    std::size_t i = 0;
    while (i < kCount && words[i] != word) ++i;
    return i;
  }

  // A value: in quotes, or up to what separates.
  bool take_value(std::string_view& value) noexcept {
    const std::size_t from = at_;
    if (skip('"')) {
      while (!done() && peek() != '"') ++at_;
      value = since(from + 1);
      return skip('"') || fail(from, end_, "the quote is not closed");
    }
    while (!done() && !at_blank() && !at_arrow() && !at_and() &&
           std::string_view(",()\"").find(peek()) == kBlanks.npos) {
      ++at_;
    }
    value = since(from);
    return true;
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t end_;
  RouteMistake mistake_;
  bool and_joins_ = false;
};

}  // namespace weir
