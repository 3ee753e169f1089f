// Filling freed blocks with a byte, and finding what has been written to them since.
//
// Blocks of up to max_free_fill_size bytes are filled whole; of larger ones the first so many bytes, one
// cache line in each KiB behind up to 4 MiB, and the last. So there a run of a KiB is seen wherever it lies,
// a single write with one chance in sixteen, and a buffer of a megabyte costs what a block of 64 KiB would.
//
// Sixteen bytes at a time: blocks begin at multiples of 16, and what is filled ends at one or eight before.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weir {

inline constexpr std::size_t kNoDamage = ~std::size_t{0};
inline constexpr std::size_t kFillLine = 64;
inline constexpr std::size_t kFillStride = 1024;
inline constexpr std::size_t kMostStrided = std::size_t{4} << 20;  // beyond, the last line alone

// bytes % 16 is 8 or 0, `to` is aligned to 16.
inline void fill_run(char* to, std::size_t bytes, unsigned char with) noexcept {
  const __m128i pattern = _mm_set1_epi8(static_cast<char>(with));
  char* const end = to + (bytes & ~std::size_t{15});
  for (; to != end; to += 16) _mm_store_si128(reinterpret_cast<__m128i*>(to), pattern);
  if ((bytes & 8) != 0) _mm_storel_epi64(reinterpret_cast<__m128i*>(to), pattern);
}

// The offset of the first byte that is not `with`, or kNoDamage; bytes as above.
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
  if ((bytes & 8) == 0) return kNoDamage;
  std::uint64_t last;
  std::memcpy(&last, from + at, sizeof last);
  const std::uint64_t change = last ^ 0x0101010101010101u * with;
  if (__builtin_expect(change == 0, 1)) return kNoDamage;
  return at + static_cast<std::size_t>(__builtin_ctzll(change)) / 8;
}

// Which bytes of a freed block are filled: visit(offset, bytes) for each run, ascending, until one returns
// false. `all` is what lies between the block's start and the record behind it, `whole` what is filled whole.
template <typename Visit>
inline bool for_filled_runs(std::size_t all, std::size_t whole, Visit&& visit) noexcept {
  if (__builtin_expect(all <= whole, 1)) return visit(std::size_t{0}, all);
  whole &= ~std::size_t{15};
  if (whole != 0 && !visit(std::size_t{0}, whole)) return false;
  std::size_t at = whole;
  for (; at + kFillStride <= all && at < kMostStrided; at += kFillStride) {
    if (!visit(at + (kFillStride - kFillLine), kFillLine)) return false;
  }
  // The last line, as far as the strides have left it.
  std::size_t last = all > kFillLine ? (all - kFillLine) & ~std::size_t{15} : 0;
  if (last < at) last = at;
  return last >= all || visit(last, all - last);
}

}  // namespace weir
