// One line of the call log, put together in place:
//
//   12.345678 [1234 worker] malloc(24) = 0x30000001a010  in libfoo.so+0x1234
//
// Fast enough for every call of a program: no division but by constants, digits two at a time, copies of
// fixed sizes, so that none is a call of memcpy. Each part is appended behind the last; a line never needs
// more than kMostLine bytes.
#pragma once

#include <emmintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir {

inline constexpr std::size_t kMostLine = 384;

class LogLine {
 public:
  std::string_view view() const noexcept { return {buffer_, static_cast<std::size_t>(at_ - buffer_)}; }

  // At most 64 bytes; the text's room may hold more, so that a fixed size is copied.
  void padded(const char (&text)[64], std::size_t used) noexcept {
    std::memcpy(at_, text, 64);
    at_ += used;
  }

  void text(std::string_view text) noexcept {
    const std::size_t room = static_cast<std::size_t>(buffer_ + kMostLine - at_);
    const std::size_t n = text.size() < room ? text.size() : room;
    std::memcpy(at_, text.data(), n);
    at_ += n;
  }

  // A string literal.
  template <std::size_t N>
  void literal(const char (&text)[N]) noexcept {
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
  }

  void decimal(std::uint64_t n) noexcept {
    const unsigned digits = digits_of(n);
    char* to = at_ + digits;
    at_ = to;
    while (n >= 100) {
      to -= 2;
      std::memcpy(to, kPairs + 2 * (n % 100), 2);
      n /= 100;
    }
    if (n >= 10) {
      std::memcpy(to - 2, kPairs + 2 * n, 2);
    } else {
      to[-1] = static_cast<char>('0' + n);
    }
  }

  // Seconds with six digits behind the point.
  void seconds(std::uint64_t nanoseconds) noexcept {
    const std::uint64_t micros = nanoseconds / 1000;
    decimal(micros / 1'000'000);
    auto rest = static_cast<std::uint32_t>(micros % 1'000'000);
    *at_ = '.';
    for (int i = 5; i >= 1; i -= 2) {
      std::memcpy(at_ + i, kPairs + std::size_t{2} * (rest % 100), 2);
      rest /= 100;
    }
    at_ += 7;
  }

  // With 0x and no zeroes in front.
  void hexadecimal(std::uint64_t n) noexcept {
    const unsigned width = n == 0 ? 1 : static_cast<unsigned>(67 - __builtin_clzll(n)) / 4;
    // The digits that count come first; sixteen are made at once.
    const auto bytes = static_cast<long long>(__builtin_bswap64(n << (64 - 4 * width)));
    const __m128i low_half = _mm_set1_epi8(15);
    const __m128i two = _mm_cvtsi64_si128(bytes);
    const __m128i digits =
        _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(two, 4), low_half), _mm_and_si128(two, low_half));
    const __m128i letters =
        _mm_and_si128(_mm_cmpgt_epi8(digits, _mm_set1_epi8(9)), _mm_set1_epi8('a' - '0' - 10));
    const __m128i text = _mm_add_epi8(_mm_add_epi8(digits, _mm_set1_epi8('0')), letters);
    std::memcpy(at_, "0x", 2);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(at_ + 2), text);
    at_ += 2 + width;
  }

 private:
  static unsigned digits_of(std::uint64_t n) noexcept {
    // 1233 / 4096 is a little more than log10(2).
    const unsigned least = (64 - static_cast<unsigned>(__builtin_clzll(n | 1))) * 1233 >> 12;
    return least + (n >= kPowers[least] ? 1 : 0);
  }

  // Of ten, but for the first: no digits are too few for 0, too.
  static constexpr std::array<std::uint64_t, 20> kPowers = [] {
    std::array<std::uint64_t, 20> powers{};
    std::uint64_t power = 1;
    for (std::uint64_t& p : powers) {
      p = power;
      power *= 10;
    }
    powers[0] = 0;
    return powers;
  }();
  static constexpr char kPairs[] =
      "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
      "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

  char buffer_[kMostLine + 64];
  char* at_ = buffer_;
};

}  // namespace weir
