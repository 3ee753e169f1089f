// A short text of bounded length in place: messages and names where nothing may be allocated.
//
// What does not fit is cut. No libc, no exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

template <std::size_t kRoom>
class ShortText {
 public:
  constexpr ShortText& text(std::string_view s) noexcept {
    for (const char c : s) {
      if (used_ == kRoom) break;
      buffer_[used_++] = c;
    }
    return *this;
  }

  constexpr ShortText& number(std::uint64_t n) noexcept {
    char digits[20] = {};
    std::size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + n % 10);
      n /= 10;
    } while (n != 0);
    return text({digits + at, sizeof digits - at});
  }

  constexpr std::string_view view() const noexcept { return {buffer_, used_}; }

 private:
  char buffer_[kRoom] = {};
  std::size_t used_ = 0;
};

}  // namespace weir
