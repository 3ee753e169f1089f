// The sizes that a pool hands out: every 16 bytes up to 128, then four to each doubling, up to 32 KiB.
//
// The spacing is jemalloc's: at most a fifth of a block above 128 bytes is lost to rounding. Pure functions.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "shim/abi/route_words.hpp"

namespace weir {

inline constexpr std::size_t kGranule = 16;  // sizes and alignments are multiples of it
inline constexpr std::size_t kMostPooled = kMostPooledBytes;
inline constexpr unsigned kSizeClasses = 40;

constexpr std::size_t size_of_class(unsigned size_class) noexcept {
  if (size_class < 8) return (size_class + 1) * kGranule;
  const unsigned doubling = (size_class - 8) / 4;
  const std::size_t quarter = std::size_t{32} << doubling;
  return (std::size_t{128} << doubling) + (size_class % 4 + 1) * quarter;
}

// The smallest class that holds `bytes`, at most kMostPooled.
constexpr unsigned class_of_size(std::size_t bytes) noexcept {
  if (bytes <= 128) return bytes <= kGranule ? 0 : static_cast<unsigned>((bytes - 1) / kGranule);
  const auto log = static_cast<unsigned>(std::bit_width(bytes - 1)) - 1;  // 7 for 129..256
  return 8 + (log - 7) * 4 + static_cast<unsigned>(((bytes - 1) >> (log - 2)) & 3);
}

// The same where every block of the class must lie at a multiple of `alignment` (a power of two, at most a
// page) in pages; kSizeClasses when none does.
constexpr unsigned class_of_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  unsigned c = class_of_size(bytes < alignment ? alignment : bytes);
  while (c < kSizeClasses && size_of_class(c) % alignment != 0) ++c;
  return c;
}

static_assert(size_of_class(kSizeClasses - 1) == kMostPooled &&
              class_of_size(kMostPooled) == kSizeClasses - 1);
static_assert(class_of_size(0) == 0 && class_of_size(16) == 0 && class_of_size(17) == 1);
static_assert([] {
  for (unsigned c = 0; c < kSizeClasses; ++c) {
    if (class_of_size(size_of_class(c)) != c) return false;
    if (c + 1 < kSizeClasses && class_of_size(size_of_class(c) + 1) != c + 1) return false;
  }
  return true;
}());

inline constexpr auto kClassBytes = [] {
  std::array<std::uint16_t, kSizeClasses> bytes{};
  for (unsigned c = 0; c < kSizeClasses; ++c) bytes[c] = static_cast<std::uint16_t>(size_of_class(c));
  return bytes;
}();

// offset / size_of_class, for an offset within a span that is a multiple of it: by multiplication.
constexpr unsigned block_at(std::size_t offset, unsigned size_class) noexcept {
  constexpr auto kReciprocals = [] {
    std::array<std::uint32_t, kSizeClasses> r{};
    for (unsigned c = 0; c < kSizeClasses; ++c) {
      r[c] = static_cast<std::uint32_t>(((std::uint64_t{1} << 32) + size_of_class(c) - 1) / size_of_class(c));
    }
    return r;
  }();
  return static_cast<unsigned>(offset * kReciprocals[size_class] >> 32);
}
static_assert([] {
  for (unsigned c = 0; c < kSizeClasses; ++c) {
    const std::size_t most = (std::size_t{512} << 10) / size_of_class(c);
    for (std::size_t i = 0; i < most; i = i < 4 ? i + 1 : 2 * i + 1) {
      if (block_at(i * size_of_class(c), c) != i || block_at((most - i) * size_of_class(c), c) != most - i)
        return false;
    }
  }
  return true;
}());

}  // namespace weir
