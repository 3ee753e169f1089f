#include "tools/oom/run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace weir {

namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

File memory_file() {
  File file(memfd_create("weir-oom", MFD_CLOEXEC));
  if (file.fd() < 0) fail("memfd_create");
  return file;
}

// In the child, which has nothing to lose but what the program shall not get.
[[noreturn]] void become(const std::vector<std::string>& command, const ProgramRunner::Variables& variables,
                         int input, int output) {
  setsid();
  const int in = open(("/proc/self/fd/" + std::to_string(input)).c_str(), O_RDONLY);  // its own position
  const int nothing = open("/dev/null", O_RDWR);
  dup2(in >= 0 ? in : nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(nothing, STDERR_FILENO);
  if (in > STDERR_FILENO) close(in);
  if (nothing > STDERR_FILENO) close(nothing);
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  std::signal(SIGINT, SIG_DFL);
  for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(errno == ENOENT ? 127 : 126);
}

}  // namespace

File::~File() {
  if (fd_ >= 0) close(fd_);
}

File keep_input(int fd) {
  File kept = memory_file();
  if (fd < 0 || isatty(fd) != 0) return kept;
  std::array<char, kPiece> piece;
  for (ssize_t n = 0; (n = read(fd, piece.data(), piece.size())) > 0;) {
    if (write(kept.fd(), piece.data(), static_cast<std::size_t>(n)) != n) fail("write");
  }
  return kept;
}

bool same_contents(const File& one, const File& other) {
  std::array<char, kPiece> a;
  std::array<char, kPiece> b;
  for (off_t at = 0;;) {
    const ssize_t n = pread(one.fd(), a.data(), a.size(), at);
    if (pread(other.fd(), b.data(), b.size(), at) != n) return false;
    if (n <= 0) return true;
    if (!std::equal(a.begin(), a.begin() + n, b.begin())) return false;
    at += n;
  }
}

ProgramRunner::~ProgramRunner() {
  for (Run& run : runs_) end(run);
}

void ProgramRunner::start(std::size_t number, const Variables& variables, std::chrono::nanoseconds timeout) {
  File output = memory_file();
  const pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) become(command_, variables, input_.fd(), output.fd());
  File process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (process.fd() < 0) {
    const int error = errno;
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    errno = error;
    fail("pidfd_open");
  }
  const Clock::time_point now = Clock::now();
  runs_.push_back({number, pid, std::move(process), std::move(output), now, now + timeout});
}

// What the program left running ends with it.
void ProgramRunner::end(Run& run) {
  kill(-run.pid, SIGKILL);
  kill(run.pid, SIGKILL);  // it may not have got to setsid()
  waitpid(run.pid, nullptr, 0);
}

void ProgramRunner::wait(std::chrono::milliseconds patience,
                         const std::function<void(std::size_t, RunResult&&)>& done) {
  std::vector<pollfd> waits;
  waits.reserve(runs_.size());
  Clock::time_point until = Clock::now() + patience;
  for (const Run& run : runs_) {
    waits.push_back({run.process.fd(), POLLIN, 0});
    until = std::min(until, run.deadline);
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  poll(waits.data(), waits.size(), static_cast<int>(std::max<long>(left, 0)));

  const Clock::time_point now = Clock::now();
  std::vector<Run> still;
  std::vector<std::pair<std::size_t, RunResult>> ended;
  for (Run& run : runs_) {
    int status = 0;
    if (waitpid(run.pid, &status, WNOHANG) == run.pid) {
      kill(-run.pid, SIGKILL);
    } else if (now >= run.deadline) {
      run.timed_out = true;
      end(run);
    } else {
      still.push_back(std::move(run));
      continue;
    }
    ended.emplace_back(run.number, RunResult{status, run.timed_out, now - run.began, std::move(run.output)});
  }
  runs_ = std::move(still);
  for (auto& [number, result] : ended) done(number, std::move(result));
}

}  // namespace weir
