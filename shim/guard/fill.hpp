// Filling freed blocks with a byte, and finding what has been written to them since. Sixteen bytes at a time:
// blocks begin at multiples of 16, and the part that is filled ends eight before one.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>

namespace weir {

inline constexpr std::size_t kNoDamage = ~std::size_t{0};

// bytes % 16 is 8 or 0, `to` is aligned to 16.
inline void fill_block(char* to, std::size_t bytes, unsigned char with) noexcept {
  const __m128i pattern = _mm_set1_epi8(static_cast<char>(with));
  char* const end = to + (bytes & ~std::size_t{15});
  for (; to != end; to += 16) _mm_store_si128(reinterpret_cast<__m128i*>(to), pattern);
  if ((bytes & 8) != 0) _mm_storel_epi64(reinterpret_cast<__m128i*>(to), pattern);
}

// The offset of the first byte that is not `with`, or kNoDamage.
inline std::size_t first_change(const char* from, std::size_t bytes, unsigned char with) noexcept {
  const __m128i pattern = _mm_set1_epi8(static_cast<char>(with));
  std::size_t at = 0;
  for (; at + 16 <= bytes; at += 16) {
    const __m128i seen = _mm_load_si128(reinterpret_cast<const __m128i*>(from + at));
    const int same = _mm_movemask_epi8(_mm_cmpeq_epi8(seen, pattern));
    if (__builtin_expect(same != 0xffff, 0)) {
      return at + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(~same)));
    }
  }
  for (; at < bytes; ++at) {
    if (static_cast<unsigned char>(from[at]) != with) return at;
  }
  return kNoDamage;
}

}  // namespace weir
