#include "shim/watch/call_log_name.hpp"

#include <linux/stat.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>

#include <cstring>
#include <string_view>

#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/libc.hpp"

namespace weir::call_log {
namespace {

// libc's program_invocation_short_name is not there yet.
std::string_view program_name() noexcept {
  const auto* path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const std::string_view name(path != nullptr ? path : "unknown");
  return name.substr(name.rfind('/') + 1);
}

std::size_t put(char* to, std::size_t room, std::size_t at, std::string_view text) noexcept {
  const std::size_t n = text.size() < room - 1 - at ? text.size() : room - 1 - at;
  std::memcpy(to + at, text.data(), n);
  to[at + n] = '\0';
  return at + n;
}

}  // namespace

bool identify(int fd, FileIdentity& identity) noexcept {
  struct statx s {};
  if (sys::call(SYS_statx, fd, sys::as_word(""), AT_EMPTY_PATH, STATX_TYPE | STATX_INO, sys::as_word(&s)) !=
      0) {
    return false;
  }
  identity = {std::uint64_t{s.stx_dev_major} << 32 | s.stx_dev_minor, s.stx_ino};
  return (s.stx_mode & S_IFMT) == S_IFREG;
}

void write_header(char (&header)[kHeaderRoom], std::uint64_t start_ns, bool forked) noexcept {
  std::memset(header, ' ', sizeof header);
  header[kHeaderRoom - 1] = '\n';
  Line line;
  line.text("# weir call log of ").number(static_cast<std::uint64_t>(sys::getpid())).text(" (");
  line.text(program_name());
  line.text("), seconds from ").number(start_ns / 1'000'000'000u).text(".");
  const std::uint64_t micros = start_ns % 1'000'000'000u / 1000;
  for (std::uint64_t place = 100'000; place > micros && place > 1; place /= 10) line.text("0");
  line.number(micros).text(" of CLOCK_MONOTONIC on");
  line.view().copy(header, kForkMark);
  if (forked) header[kForkMark] = '+';
}

namespace {

std::uint64_t take_number(std::string_view& text) noexcept {
  std::uint64_t n = 0;
  while (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    n = n * 10 + static_cast<unsigned>(text[0] - '0');
    text.remove_prefix(1);
  }
  return n;
}

// When this process began, in nanoseconds of the monotonic clock: it stays so through exec. 0: not known.
std::uint64_t process_start() noexcept {
  char stat[1024] = "";
  const int fd = sys::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const long n = sys::read(fd, stat, sizeof stat);
  sys::close(fd);
  std::string_view text(stat, n > 0 ? static_cast<std::size_t>(n) : 0);
  text.remove_prefix(text.rfind(')') + 1);  // the name may have blanks
  constexpr int kStartField = 20;           // the 22nd
  for (int i = 0; i < kStartField && !text.empty(); ++i) text.remove_prefix(text.find(' ') + 1);
  const std::uint64_t ticks = take_number(text);
  const std::uint64_t a_second = getauxval(AT_CLKTCK);
  timespec since_boot{};
  if (a_second == 0 || libc::read_clock(CLOCK_BOOTTIME, since_boot) != 0) return 0;
  const std::uint64_t boot_ns = static_cast<std::uint64_t>(since_boot.tv_sec) * 1'000'000'000u +
                                static_cast<std::uint64_t>(since_boot.tv_nsec);
  const std::uint64_t age = boot_ns - ticks * (1'000'000'000u / a_second);
  const std::uint64_t now = sys::now_ns();
  return now > age ? now - age : 0;
}

}  // namespace

Writer writer_of(int fd) noexcept {
  constexpr std::string_view kStart = "# weir call log of ";
  constexpr std::string_view kSeconds = "seconds from ";
  char header[kHeaderRoom] = {};
  // One that just begins its file has made it, and now writes this.
  for (int tries = 0; tries < 20 && size_of(fd) == 0; ++tries) {
    const std::uint64_t a_millisecond[2] = {0, 1'000'000};
    sys::call(SYS_nanosleep, sys::as_word(a_millisecond), 0);
  }
  const long n = sys::pread(fd, header, sizeof header, 0);
  std::string_view text(header, kHeaderRoom);
  if (n != static_cast<long>(sizeof header) || !text.starts_with(kStart)) return {};
  text.remove_prefix(kStart.size());
  Writer writer{};
  writer.pid = static_cast<std::uint32_t>(take_number(text));
  writer.forked = header[kForkMark] == '+';
  const std::size_t seconds = text.find(kSeconds);
  if (seconds == std::string_view::npos) return writer;
  text.remove_prefix(seconds + kSeconds.size());
  writer.start_ns = take_number(text) * 1'000'000'000u;
  if (!text.empty()) text.remove_prefix(1);
  writer.start_ns += take_number(text) * 1000;
  constexpr std::uint64_t kTick =
      20'000'000;  // the system knows a process's start to a hundredth of a second
  writer.is_this_process = writer.pid == static_cast<std::uint32_t>(sys::getpid()) &&
                           writer.start_ns + kTick >= process_start() && writer.start_ns <= sys::now_ns();
  return writer;
}

std::uint64_t size_of(int fd) noexcept {
  struct statx s {};
  if (sys::call(SYS_statx, fd, sys::as_word(""), AT_EMPTY_PATH, STATX_SIZE, sys::as_word(&s)) != 0) return 0;
  return s.stx_size;
}

std::uint64_t end_of_text(int fd) noexcept {
  std::uint64_t end = size_of(fd);
  char piece[512] = {};
  while (end > kHeaderRoom) {
    const std::uint64_t n = end - kHeaderRoom < sizeof piece ? end - kHeaderRoom : sizeof piece;
    if (sys::pread(fd, piece, n, end - n) != static_cast<long>(n)) return end;
    std::uint64_t used = n;
    while (used != 0 && piece[used - 1] == '\n') --used;
    if (used != 0) return end - n + used + 1;
    end -= n;
  }
  return kHeaderRoom;
}

void expand(const char* pattern, char (&path)[kPathRoom]) noexcept {
  std::size_t at = 0;
  const std::size_t room = sizeof path - 16;
  if (pattern[0] != '/') {
    const long n = sys::call(SYS_getcwd, sys::as_word(path), static_cast<long>(room));  // counts the NUL
    at = n > 0 ? static_cast<std::size_t>(n) - 1 : 0;
    at = put(path, room, at, "/");
  }
  for (const char* p = pattern; *p != '\0'; ++p) {
    if (p[0] == '%' && p[1] == 'p') {
      at = put(path, room, at, Line().number(static_cast<std::uint64_t>(sys::getpid())).view());
      ++p;
    } else if (p[0] == '%' && p[1] == 'e') {
      at = put(path, room, at, program_name());
      ++p;
    } else {
      at = put(path, room, at, {p, 1});
    }
  }
}

void add_process_id(char (&path)[kPathRoom]) noexcept {
  const std::size_t at = put(path, kPathRoom, std::strlen(path), ".");
  put(path, kPathRoom, at, Line().number(static_cast<std::uint64_t>(sys::getpid())).view());
}

int create_file(const char* path) noexcept {
  return sys::open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666);
}

OldPath old_path(const char* path) noexcept {
  OldPath old;
  const std::size_t n = std::string_view(path).copy(old.text, kPathRoom - 1);
  std::memcpy(old.text + n, ".1", 3);
  return old;
}

bool rename_to_old(const char* path) noexcept {
  return sys::call(SYS_rename, sys::as_word(path), sys::as_word(old_path(path).text)) == 0;
}

}  // namespace weir::call_log
