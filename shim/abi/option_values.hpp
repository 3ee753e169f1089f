// How values of WEIR_OPTIONS are read: once, for the library and the tool. Allocates nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

// Decimal with an optional binary suffix, K, M or G in either case.
inline bool read_number(std::string_view text, std::uint64_t& out) noexcept {
  constexpr std::string_view kSuffixes = "kKmMgG";
  const std::size_t suffix = text.empty() ? kSuffixes.npos : kSuffixes.find(text.back());
  const unsigned shift = suffix == kSuffixes.npos ? 0 : 10 * (static_cast<unsigned>(suffix) / 2 + 1);
  if (shift != 0) text.remove_suffix(1);
  if (text.empty()) return false;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || value > (UINT64_MAX - 9) / 10) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > UINT64_MAX >> shift) return false;
  out = value << shift;
  return true;
}

inline bool read_flag(std::string_view text, bool& out) noexcept {
  const bool yes = text == "1" || text == "true" || text == "yes";
  if (!yes && text != "0" && text != "false" && text != "no") return false;
  out = yes;
  return true;
}

}  // namespace weir
