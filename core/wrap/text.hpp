// Text without allocation: a line of fixed size to build, and a sink that takes it.
//
// core/ prints nothing. What a wrapper has to say goes to a function that its user gives, which may write it
// to a file, a logger or a string.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir {

// Takes one line, without a newline. A sink without a function swallows it.
struct TextSink {
  void (*write)(void* context, std::string_view line) noexcept = nullptr;
  void* context = nullptr;

  void operator()(std::string_view line) const noexcept {
    if (write != nullptr) {
      write(context, line);
    }
  }
};

// A text of at most `kCapacity` characters; what is more is cut off.
template <std::size_t kCapacity>
class TextBuffer {
 public:
  TextBuffer& text(std::string_view more) noexcept {
    const std::size_t count = more.size() < kCapacity - length_ ? more.size() : kCapacity - length_;
    if (count != 0) {
      std::memcpy(text_ + length_, more.data(), count);
    }
    length_ += count;
    return *this;
  }

  TextBuffer& number(std::uint64_t value, std::size_t width = 0) noexcept {
    char digits[24];
    const char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    const auto count = static_cast<std::size_t>(end - digits);
    return fill(' ', width > count ? width - count : 0).text({digits, count});
  }

  TextBuffer& signed_number(std::int64_t value) noexcept {
    if (value < 0) {
      return text("-").number(~static_cast<std::uint64_t>(value) + 1);
    }
    return number(static_cast<std::uint64_t>(value));
  }

  TextBuffer& address(const void* value) noexcept {
    char digits[24];
    const char* end =
        std::to_chars(digits, digits + sizeof digits, reinterpret_cast<std::uintptr_t>(value), 16).ptr;
    return text("0x").text({digits, static_cast<std::size_t>(end - digits)});
  }

  TextBuffer& fill(char c, std::size_t count) noexcept {
    for (; count != 0; --count) {
      text({&c, 1});
    }
    return *this;
  }

  std::string_view view() const noexcept { return {text_, length_}; }
  void clear() noexcept { length_ = 0; }

 private:
  std::size_t length_ = 0;
  char text_[kCapacity];
};

using Line = TextBuffer<512>;

}  // namespace weir
