#include "tools/options/short_number.hpp"

#include <fmt/core.h>

namespace weir {

std::string short_number(std::uint64_t number) {
  constexpr struct {
    unsigned shift;
    char suffix;
  } kSuffixes[] = {{30, 'G'}, {20, 'M'}, {10, 'K'}};
  for (const auto& [shift, suffix] : kSuffixes) {
    // 86400000 ms are no 84375K.
    if (shift == 10 && number >> 20 != 0) break;
    if (number != 0 && number % (std::uint64_t{1} << shift) == 0) {
      return fmt::format("{}{}", number >> shift, suffix);
    }
  }
  return std::to_string(number);
}

}  // namespace weir
