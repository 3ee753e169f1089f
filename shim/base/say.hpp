// Lines for the user from inside a stranger's process: a fixed buffer, no malloc, no stdio, one write.
//
// Safe in signal handlers and before libc is initialised. A line that is too long is cut, never lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

// The descriptor for messages: 2, unless the program closed it and the number now names something that
// was never meant for messages (a data file, a client's socket); then -1.
int error_fd() noexcept;

// Notes what descriptor 2 is at start, to know later whether it still is. Called once.
void remember_error_fd() noexcept;

class Line {
 public:
  Line& text(std::string_view s) noexcept;
  Line& number(std::uint64_t n) noexcept;
  Line& signed_number(std::int64_t n) noexcept;
  Line& hex(std::uint64_t n) noexcept;  // with 0x

  std::string_view view() const noexcept { return {buffer_, used_}; }

  // Writes the line, with a newline, to where this process's reports go (see error_fd).
  void say() noexcept { say_to(error_fd()); }

  // The same to a descriptor; -1 is nobody.
  void say_to(int fd) noexcept;

 private:
  static constexpr std::size_t kRoom = 1000;
  char buffer_[kRoom + 1];
  std::size_t used_ = 0;
};

}  // namespace weir
