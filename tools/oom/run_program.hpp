// Runs of one program, several at a time: each in a session of its own, with the same input and without a
// terminal, ended as a whole when its time is up.
//
// One thread. The children's outputs are files without names.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

// A descriptor and its end.
class File {
 public:
  explicit File(int fd = -1) : fd_(fd) {}
  ~File();
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// All that a descriptor gives, in a file in memory that can be read again and again.
File keep_input(int fd);

bool same_contents(const File& one, const File& other);

using Clock = std::chrono::steady_clock;

struct RunResult {
  int status = 0;  // as waitpid has it
  bool timed_out = false;
  std::chrono::nanoseconds took{};
  File output;  // what it wrote to its standard output
};

class ProgramRunner {
 public:
  // `input` must outlive this.
  ProgramRunner(std::vector<std::string> command, const File& input)
      : command_(std::move(command)), input_(input) {}
  ~ProgramRunner();
  ProgramRunner(const ProgramRunner&) = delete;
  ProgramRunner& operator=(const ProgramRunner&) = delete;

  using Variables = std::vector<std::pair<std::string, std::string>>;  // set in the environment

  // Throws std::system_error where no process can be had.
  void start(std::size_t number, const Variables& variables, std::chrono::nanoseconds timeout);

  // Waits until some run has ended, or a signal came, or `patience` is over; calls done(number, result) for
  // each that has ended.
  void wait(std::chrono::milliseconds patience, const std::function<void(std::size_t, RunResult&&)>& done);

  std::size_t running() const { return runs_.size(); }

 private:
  struct Run {
    std::size_t number;
    pid_t pid;
    File process;  // its pidfd
    File output;
    Clock::time_point began, deadline;
    bool timed_out = false;
  };
  void end(Run& run);

  std::vector<std::string> command_;
  const File& input_;
  std::vector<Run> runs_;
};

}  // namespace weir
