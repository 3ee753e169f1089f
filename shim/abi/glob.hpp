// Shell globs as the routing rules have them: '*' is any text, '?' one character, '|' stands between
// alternatives. Case counts.
//
// Allocates nothing, O(pattern * text) at worst: a failed match goes back to the last '*' only.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

constexpr bool one_glob_matches(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // the last '*', and where the text that it takes ends
  std::size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The first of the alternatives, taken off.
constexpr std::string_view take_alternative(std::string_view& alternatives) noexcept {
  const std::size_t bar = alternatives.find('|');
  const std::string_view first = alternatives.substr(0, bar);
  alternatives = bar == std::string_view::npos ? std::string_view{} : alternatives.substr(bar + 1);
  return first;
}

constexpr bool glob_matches(std::string_view alternatives, std::string_view text) noexcept {
  while (!alternatives.empty()) {
    if (one_glob_matches(take_alternative(alternatives), text)) return true;
  }
  return false;
}

// An alternative with a '/' is matched with the whole path, another with the file's name.
constexpr bool path_matches(std::string_view alternatives, std::string_view path) noexcept {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  while (!alternatives.empty()) {
    const std::string_view one = take_alternative(alternatives);
    if (one_glob_matches(one, one.find('/') != std::string_view::npos ? path : name)) return true;
  }
  return false;
}

}  // namespace weir
