// One line of the call log, put together in place:
//
//   12.345678 [1234 worker] malloc(24) = 0x30000001a010  in libfoo.so+0x1234
//
// Fast enough for every call of a program: no division but by constants, digits two at a time, no libc. Each
// part is appended behind the last; a line never needs more than kMostLine bytes.
#pragma once

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

  void decimal(std::uint64_t n) noexcept {
    char digits[20];
    char* from = digits + sizeof digits;
    while (n >= 100) {
      from -= 2;
      std::memcpy(from, kPairs + 2 * (n % 100), 2);
      n /= 100;
    }
    if (n >= 10) {
      from -= 2;
      std::memcpy(from, kPairs + 2 * n, 2);
    } else {
      *--from = static_cast<char>('0' + n);
    }
    text({from, static_cast<std::size_t>(digits + sizeof digits - from)});
  }

  // Seconds with six digits behind the point.
  void seconds(std::uint64_t nanoseconds) noexcept {
    decimal(nanoseconds / 1'000'000'000u);
    auto micros = static_cast<std::uint32_t>(nanoseconds % 1'000'000'000u) / 1000u;
    char digits[7] = {'.'};
    for (int i = 5; i >= 1; i -= 2) {
      std::memcpy(digits + i, kPairs + std::size_t{2} * (micros % 100), 2);
      micros /= 100;
    }
    text({digits, sizeof digits});
  }

  // With 0x and no zeroes in front.
  void hexadecimal(std::uint64_t n) noexcept {
    char digits[18] = {'0', 'x'};
    const int width = n == 0 ? 1 : (67 - __builtin_clzll(n)) / 4;
    for (int i = 0; i < width; ++i) {
      digits[1 + width - i] = kHex[n & 15];
      n >>= 4;
    }
    text({digits, static_cast<std::size_t>(2 + width)});
  }

 private:
  static constexpr char kHex[] = "0123456789abcdef";
  static constexpr char kPairs[] =
      "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
      "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

  char buffer_[kMostLine + 64];
  char* at_ = buffer_;
};

}  // namespace weir
