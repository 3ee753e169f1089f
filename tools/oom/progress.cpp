#include "tools/oom/progress.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace weir {

namespace {

constexpr std::size_t kBar = 30;
constexpr std::chrono::milliseconds kShowEvery{100};

}  // namespace

Progress::Progress(std::size_t total)
    : total_(std::max<std::size_t>(total, 1)),
      terminal_(isatty(STDERR_FILENO) != 0),
      began_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (terminal_) fmt::print(stderr, "\r\x1b[K");
}

void Progress::show(std::size_t done, std::string_view note) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (now - shown_ < kShowEvery && done != total_)) return;
  shown_ = now;
  const std::size_t full = kBar * done / total_;
  const double seconds = std::chrono::duration<double>(now - began_).count();
  const double left =
      done != 0 ? seconds / static_cast<double>(done) * static_cast<double>(total_ - done) : 0;
  fmt::print(stderr, "\r[{:#<{}}{:.<{}}] {}/{}{}, {:.0f} s left\x1b[K", "", full, "", kBar - full, done,
             total_, note, left);
}

}  // namespace weir
