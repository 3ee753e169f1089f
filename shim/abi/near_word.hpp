// Of a list of words the one that the user is likely to have meant. Allocates nothing.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

// Letters to put in, take out or change to make one word of the other (Levenshtein). Words longer than any of
// ours are all equally far.
constexpr std::size_t word_distance(std::string_view a, std::string_view b) noexcept {
  constexpr std::size_t kLongest = 40;
  if (a.size() > kLongest || b.size() > kLongest) return kLongest;
  std::size_t row[kLongest + 1] = {};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
      diagonal = row[j];
      const std::size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      row[j] = change < step ? change : step;
    }
  }
  return row[b.size()];
}

template <std::size_t kCount>
constexpr std::string_view nearest_word(std::string_view word,
                                        const std::string_view (&words)[kCount]) noexcept {
  std::string_view best = words[0];
  for (const std::string_view candidate : words) {
    if (word_distance(word, candidate) < word_distance(word, best)) best = candidate;
  }
  return best;
}

}  // namespace weir
