#include "shim/base/say.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "shim/base/sys.hpp"

namespace weir {
namespace {

struct FileIdentity {
  std::uint64_t device, inode;
  unsigned mode;
  bool known;
  bool is_terminal;
};

FileIdentity identity_of(int fd) noexcept {
  // The older call: filters know it.
  struct stat s {};
  if (sys::call(SYS_fstat, fd, sys::as_word(&s)) != 0) return {};
  return {s.st_dev, s.st_ino, s.st_mode, true, false};
}

FileIdentity at_start;

// Programs that close stderr before they end (coreutils do) still have a user at the terminal where it was.
int terminal() noexcept {
  static constinit int fd = -1;
  if (fd < 0 && at_start.known && (at_start.mode & S_IFMT) == S_IFCHR && at_start.is_terminal) {
    fd = sys::open("/dev/tty", O_WRONLY | O_NOCTTY | O_CLOEXEC);
  }
  return fd < 0 ? -1 : fd;
}

constexpr std::uint64_t kNoMoreReader =
    (std::uint64_t{1} << (SIGPIPE - 1)) | (std::uint64_t{1} << (SIGXFSZ - 1));
constexpr int kPatienceMs = 10'000;

// The descriptor takes nothing at the moment: the program made it non-blocking. False when that stays so for long.
bool wait_for_room(int fd) noexcept {
  struct pollfd p = {fd, POLLOUT, 0};
  long got;
  do {
    got = sys::call(SYS_poll, sys::as_word(&p), 1, kPatienceMs);
  } while (got == -EINTR);
  return got == 1 && (p.revents & POLLOUT) != 0;
}

// All of it, or as much as the reader or the disk takes. Nobody who reads, or a limit on files, must not end the
// program: the signal that tells of it is held back, and taken away again.
void write_message(int fd, const char* from, std::size_t bytes) noexcept {
  std::uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, SIG_BLOCK, sys::as_word(&kNoMoreReader), sys::as_word(&before),
            sizeof before);
  std::uint64_t pending = 0;
  sys::call(SYS_rt_sigpending, sys::as_word(&pending), sizeof pending);
  while (bytes != 0) {
    const long n = sys::write(fd, from, bytes);
    if (n == -EINTR) continue;
    if (n == -EPIPE || n == -EFBIG) {
      constexpr struct timespec kNow = {0, 0};
      if ((pending & kNoMoreReader) == 0)
        sys::call(SYS_rt_sigtimedwait, sys::as_word(&kNoMoreReader), 0, sys::as_word(&kNow), 8);
      break;
    }
    if (n == -EAGAIN && wait_for_room(fd)) continue;
    if (n <= 0) break;
    from += n;
    bytes -= static_cast<std::size_t>(n);
  }
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&before), 0, sizeof before);
}

}  // namespace

void remember_error_fd() noexcept {
  at_start = identity_of(2);
  char settings[64];
  at_start.is_terminal = at_start.known && sys::call(SYS_ioctl, 2, TCGETS, sys::as_word(settings)) == 0;
}

int error_fd() noexcept {
  const FileIdentity now = identity_of(2);
  if (!now.known) return terminal();
  if (at_start.known && now.device == at_start.device && now.inode == at_start.inode) return 2;
  switch (now.mode & S_IFMT) {
    case S_IFCHR:  // a terminal, /dev/null
    case S_IFIFO:  // the program sent its messages to a pipe
      return 2;
    case S_IFREG: {  // its log, opened to append; any other file may have got a free number by chance
      const long flags = sys::call(SYS_fcntl, 2, F_GETFL);
      return flags >= 0 && (flags & O_APPEND) != 0 ? 2 : -1;
    }
    default:
      return -1;
  }
}

Line& Line::text(std::string_view s) noexcept {
  for (const char c : s) {
    if (used_ == kRoom) break;
    buffer_[used_++] = c;
  }
  return *this;
}

Line& Line::number(std::uint64_t n) noexcept {
  char digits[20];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + n % 10);
    n /= 10;
  } while (n != 0);
  return text({digits + at, sizeof digits - at});
}

Line& Line::signed_number(std::int64_t n) noexcept {
  if (n < 0) text("-");
  return number(n < 0 ? std::uint64_t{0} - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n));
}

Line& Line::hex(std::uint64_t n) noexcept {
  char digits[18] = "0x";
  int width = 1;
  while (width < 16 && (n >> (4 * width)) != 0) ++width;
  for (int i = 0; i < width; ++i) digits[2 + i] = "0123456789abcdef"[(n >> (4 * (width - 1 - i))) & 15];
  return text({digits, static_cast<std::size_t>(2 + width)});
}

void Line::say_to(int fd) noexcept {
  buffer_[used_] = '\n';
  if (fd >= 0) write_message(fd, buffer_, used_ + 1);
  used_ = 0;
}

}  // namespace weir
