#include "tools/report/output.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tools/say.hpp"

namespace weir {

namespace {

// The program made the descriptor non-blocking, and its reader is slow. False when that stays so for long.
bool wait_for_room(int fd) {
  constexpr int kPatienceMs = 10'000;
  pollfd asked = {fd, POLLOUT, 0};
  int got = 0;
  do {
    got = poll(&asked, 1, kPatienceMs);
  } while (got < 0 && errno == EINTR);
  errno = EAGAIN;
  return got == 1 && (asked.revents & POLLOUT) != 0;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && (errno != EAGAIN || !wait_for_room(fd))) return false;
    if (written < 0) continue;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// A file that is there and is none (a pipe, /dev/stdout) is written to;
// a rename would put a file in its place.
bool is_special(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

// A pipe that nobody reads would hold the program up for ever: an error (ENXIO).
int open_to_write(const std::string& path, int flags) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, 0666);
  if (fd >= 0) fcntl(fd, F_SETFL, flags & O_APPEND);
  return fd;
}

}  // namespace

std::string expand_path(std::string_view path, std::uint32_t pid, std::string_view program) {
  std::string expanded;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char next = path[i] == '%' && i + 1 < path.size() ? path[i + 1] : '\0';
    if (next == 'p') {
      expanded += std::to_string(pid);
    } else if (next == 'e') {
      expanded += program;
    } else if (next == '%') {
      expanded += '%';
    } else {
      expanded += path[i];
      continue;
    }
    ++i;
  }
  return expanded;
}

ReportLog::ReportLog(const std::string& log_path, std::uint32_t pid, std::string_view program)
    : fd_(STDERR_FILENO), path_(log_path) {
  if (log_path.empty() || log_path == "stderr") return;
  if (log_path == "stdout") {
    fd_ = STDOUT_FILENO;
    return;
  }
  path_ = expand_path(log_path, pid, program);
  const int fd = open_to_write(path_, O_APPEND);
  if (fd >= 0) {
    fd_ = fd;
  } else {
    say(fmt::format("cannot write the report to {}: {}; it follows here", path_, std::strerror(errno)));
  }
}

ReportLog::~ReportLog() {
  if (fd_ > STDERR_FILENO) close(fd_);
}

bool ReportLog::wants_color(std::string_view color) const {
  if (color != "auto") return color == "always";
  const char* terminal = std::getenv("TERM");
  return std::getenv("NO_COLOR") == nullptr && terminal != nullptr && std::strcmp(terminal, "dumb") != 0 &&
         isatty(fd_) == 1;
}

bool ReportLog::write(std::string_view text) const {
  if (write_all(fd_, text)) return true;
  if (fd_ == STDERR_FILENO || errno == EPIPE) return false;
  say(fmt::format("cannot write the report to {}: {}; it follows here", path_, std::strerror(errno)));
  return write_all(STDERR_FILENO, text);
}

std::string write_file(const std::string& path, std::string_view text) {
  const bool direct = is_special(path);
  const std::string target = direct ? path : fmt::format("{}.{}", path, getpid());
  const int fd = open_to_write(target, direct ? 0 : O_TRUNC);
  if (fd < 0) return std::strerror(errno);
  const bool written = write_all(fd, text);
  const int error = errno;
  close(fd);
  if (!written) {
    if (!direct) unlink(target.c_str());
    return std::strerror(error);
  }
  if (direct || std::rename(target.c_str(), path.c_str()) == 0) return {};
  const int rename_error = errno;
  unlink(target.c_str());
  return std::strerror(rename_error);
}

std::string append_to_file(const std::string& path, std::string_view text) {
  const int fd = open_to_write(path, O_APPEND);
  if (fd < 0) return std::strerror(errno);
  std::string problem = write_all(fd, text) ? "" : std::strerror(errno);
  close(fd);
  return problem;
}

}  // namespace weir
