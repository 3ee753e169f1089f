#include "tools/hunt/run_program.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tools/hunt/descendants.hpp"

namespace weir {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kTick{200};
// A program that has to end is asked for a check, then asked to end, then ended. Its checks take time.
constexpr milliseconds kCheck{1000};
constexpr milliseconds kGrace{5000};

const sigset_t& ending_signals() {
  static const sigset_t signals = [] {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
    return set;
  }();
  return signals;
}

// The program to be: what is wrong is told through `errors`, which a successful exec closes.
[[noreturn]] void become(const ProgramRun& run, int input, int errors) {
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_UNBLOCK, &ending_signals(), nullptr);
  for (const auto& [name, value] : run.variables) setenv(name.c_str(), value.c_str(), 1);
  if (input >= 0) dup2(input, STDIN_FILENO);
  if (!run.shows_output) {
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
  }
  std::vector<char*> arguments;
  arguments.reserve(run.command.size() + 1);
  for (const std::string& argument : run.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  if (write(errors, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

// The process, or -1 with the reason in `error`.
pid_t start(const ProgramRun& run, int input, int& error) {
  int errors[2];
  if (pipe2(errors, O_CLOEXEC) != 0) {
    error = errno;
    return -1;
  }
  const pid_t child = fork();
  if (child == 0) become(run, input, errors[1]);
  if (child < 0) error = errno;
  close(errors[1]);
  if (child > 0 && read(errors[0], &error, sizeof error) > 0) waitpid(child, nullptr, 0);
  close(errors[0]);
  return error == 0 ? child : -1;
}

class Waiter {
 public:
  Waiter(const ProgramRun& run, pid_t child, ProgramInput& input, int signals)
      : run_(run),
        child_(child),
        input_(input),
        signals_(signals),
        process_(static_cast<int>(syscall(SYS_pidfd_open, child, 0))),
        started_(Clock::now()) {}
  ~Waiter() {
    if (process_ >= 0) close(process_);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  RunEnd wait(const std::function<void()>& tick) {
    RunEnd end;
    while (waitpid(child_, &end.wait_status, WNOHANG) == 0) {
      sleep();
      input_.step();
      tick();
      take_signal(end);
      if (run_.limit.count() != 0 && since(started_) >= run_.limit) end.timed_out = true;
      if (end.timed_out || end.interrupted != 0) press();
    }
    reaped_ = true;
    end.time = since(started_);
    // The others were asked too. What still prints a report, or does not hear, has the rest of the time.
    while (pressure_ != Pressure::kNone && since(pressed_) < kGrace &&
           std::ranges::any_of(family_, is_alive)) {
      std::this_thread::sleep_for(kTick / 10);
    }
    if (pressure_ != Pressure::kNone) insist();
    return end;
  }

 private:
  static milliseconds since(Clock::time_point begin) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
  }

  void sleep() {
    std::vector<pollfd> waits = {{process_, POLLIN, 0}, {signals_, POLLIN, 0}};
    input_.add_to(waits);
    milliseconds most = process_ >= 0 ? kTick : kTick / 10;
    if (run_.limit.count() != 0 && pressure_ == Pressure::kNone)
      most = std::min(most, run_.limit - since(started_));
    poll(waits.data(), waits.size(), std::max(1, static_cast<int>(most.count())));
  }

  void take_signal(RunEnd& end) const {
    pollfd wait{signals_, POLLIN, 0};
    signalfd_siginfo info = {};
    if (poll(&wait, 1, 0) == 1 && read(signals_, &info, sizeof info) == sizeof info) {
      end.interrupted = static_cast<int>(info.ssi_signo);
    }
  }

  void press() {
    const milliseconds time = since(pressed_);
    if (pressure_ == Pressure::kNone) {
      family_ = descendants_of(child_);
      if (const auto child = find_process(child_)) family_.push_back(*child);
      std::erase_if(family_, is_this_tool);  // they end by themselves, and not before their report is whole
      for (const Process& process : family_) {
        if (run_.check_signal != 0 && catches(process, run_.check_signal))
          send_signal(process, run_.check_signal);
      }
      pressure_ = Pressure::kChecked;
      pressed_ = Clock::now();
    } else if (pressure_ == Pressure::kChecked &&
               time >= (run_.check_signal != 0 ? kCheck : milliseconds{0})) {
      for (const Process& process : family_) send_signal(process, SIGTERM);
      pressure_ = Pressure::kAsked;
      pressed_ = Clock::now();
    } else if (pressure_ == Pressure::kAsked && time >= kGrace) {
      insist();
    }
  }

  void insist() {
    for (const Process& process : family_) send_signal(process, SIGKILL);
    if (reaped_) return;  // its number may be another's
    for (const Process& process : descendants_of(child_)) send_signal(process, SIGKILL);
    kill(child_, SIGKILL);
  }

  const ProgramRun& run_;
  pid_t child_;
  ProgramInput& input_;
  int signals_;
  int process_;
  Clock::time_point started_;
  enum class Pressure { kNone, kChecked, kAsked } pressure_ = Pressure::kNone;
  Clock::time_point pressed_;
  std::vector<Process> family_;  // the child and its own, when it had to end
  bool reaped_ = false;
};

}  // namespace

int take_ending_signals() {
  sigprocmask(SIG_BLOCK, &ending_signals(), nullptr);
  return signalfd(-1, &ending_signals(), SFD_CLOEXEC | SFD_NONBLOCK);
}

bool RunEnd::is_whole() const {
  return start_error == 0 && !timed_out && interrupted == 0 && WIFEXITED(wait_status);
}

std::string RunEnd::text() const {
  if (start_error != 0) return fmt::format("not started: {}", std::strerror(start_error));
  if (timed_out) return "stopped: time limit";
  if (interrupted != 0) return fmt::format("stopped: SIG{}", sigabbrev_np(interrupted));
  if (WIFEXITED(wait_status)) return fmt::format("status {}", WEXITSTATUS(wait_status));
  const char* name = sigabbrev_np(WTERMSIG(wait_status));
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", WTERMSIG(wait_status));
}

RunEnd run_program(const ProgramRun& run, ProgramInput& input, int signals,
                   const std::function<void()>& tick) {
  RunEnd end;
  const int from = input.open_for_run();
  const pid_t child = start(run, from, end.start_error);
  if (from >= 0) close(from);
  if (child > 0) end = Waiter(run, child, input, signals).wait(tick);
  input.end_run();
  return end;
}

}  // namespace weir
