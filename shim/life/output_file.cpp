#include "shim/life/output_file.hpp"

#include <string_view>

#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/program_name.hpp"

namespace weir {

void expand_output(std::string_view pattern, char* name, std::size_t room) noexcept {
  std::size_t n = 0;
  const auto put = [&](std::string_view s) {
    for (const char c : s) {
      if (n + 1 < room) name[n++] = c;
    }
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      put(pattern.substr(i, 1));
    } else if (pattern[++i] == 'p') {
      put(Line().number(static_cast<std::uint64_t>(sys::getpid())).view());
    } else if (pattern[i] == 'e') {
      put(program_name());
    } else {
      put(pattern.substr(i - 1, 2));
    }
  }
  name[n] = '\0';
}

int open_output(const char* pattern, const char* option, bool anew, bool* opened) noexcept {
  *opened = false;
  const std::string_view path(pattern);
  if (path == "stderr") return error_fd();
  if (path == "stdout") return 1;
  char name[kOutputRoom];
  expand_output(path, name, sizeof name);
  // A pipe that nobody reads would hold the program up for ever.
  const int fd =
      sys::open(name, O_WRONLY | O_CREAT | O_NONBLOCK | (anew ? O_TRUNC : O_APPEND) | O_CLOEXEC, 0666);
  if (fd >= 0) sys::call(SYS_fcntl, fd, F_SETFL, anew ? 0 : O_APPEND);
  *opened = fd >= 0;
  if (fd >= 0) return fd;
  Line()
      .text("weir: cannot open ")
      .text(option)
      .text(" ")
      .text(name)
      .text("; the report goes to stderr")
      .say();
  return error_fd();
}

}  // namespace weir
