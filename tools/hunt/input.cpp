#include "tools/hunt/input.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace weir {

namespace {

constexpr std::size_t kStep = 1 << 16;

int open_anew(int fd) {
  return open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

ProgramInput::ProgramInput(int fd) : fd_(fd), kind_(Kind::kInherited) {
  struct stat status = {};
  if (fstat(fd, &status) != 0) return;
  if (S_ISREG(status.st_mode)) {
    kind_ = Kind::kFile;
    start_ = lseek(fd, 0, SEEK_CUR);
  } else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
    kept_ = memfd_create("weir-input", MFD_CLOEXEC);
    if (kept_ >= 0) kind_ = Kind::kPipe;
  }
}

ProgramInput::~ProgramInput() {
  end_run();
  if (kept_ >= 0) close(kept_);
}

int ProgramInput::open_for_run() {
  if (kind_ == Kind::kInherited) return -1;
  if (kind_ == Kind::kFile || recorded_) {
    const int fd = open_anew(kind_ == Kind::kFile ? fd_ : kept_);
    if (fd >= 0 && kind_ == Kind::kFile) lseek(fd, start_, SEEK_SET);
    return fd;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  to_program_ = ends[1];
  fcntl(to_program_, F_SETFL, O_NONBLOCK);
  return ends[0];
}

void ProgramInput::add_to(std::vector<pollfd>& waits) const {
  if (to_program_ < 0) return;
  if (!waiting_.empty()) {
    waits.push_back({to_program_, POLLOUT, 0});
  } else if (!ended_) {
    waits.push_back({fd_, POLLIN, 0});
  }
}

void ProgramInput::step() {
  if (to_program_ < 0) return;
  if (waiting_.empty() && !ended_) take_more();
  if (!waiting_.empty()) hand_on();
  if (waiting_.empty() && ended_) {
    close(to_program_);
    to_program_ = -1;
  }
}

void ProgramInput::take_more() {
  pollfd wait{fd_, POLLIN, 0};
  if (poll(&wait, 1, 0) <= 0) return;
  waiting_.resize(kStep);
  const ssize_t got = read(fd_, waiting_.data(), waiting_.size());
  waiting_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) ended_ = true;
  if (!write_whole(kept_, waiting_)) ended_ = true;
}

void ProgramInput::hand_on() {
  const ssize_t written = write(to_program_, waiting_.data(), waiting_.size());
  if (written > 0) {
    waiting_.erase(0, static_cast<std::size_t>(written));
  } else if (written < 0 && errno != EINTR && errno != EAGAIN) {  // it reads no more
    waiting_.clear();
    ended_ = true;
  }
}

void ProgramInput::end_run() {
  if (to_program_ >= 0) close(to_program_);
  to_program_ = -1;
  waiting_.clear();
  recorded_ = kind_ == Kind::kPipe;
}

}  // namespace weir
