// What is written to descriptor 2 while a Capture lives.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace weir {

class Capture {
 public:
  Capture() : before_(dup(2)) {
    EXPECT_EQ(pipe(pipe_.data()), 0);
    EXPECT_EQ(dup2(pipe_[1], 2), 2);
    close(pipe_[1]);
  }
  ~Capture() {
    if (before_ >= 0) text();
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Ends it. At most what a pipe holds.
  std::string text() {
    dup2(before_, 2);
    close(before_);
    before_ = -1;
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = read(pipe_[0], buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
    close(pipe_[0]);
    return all;
  }

 private:
  std::array<int, 2> pipe_{-1, -1};
  int before_;
};

}  // namespace weir
