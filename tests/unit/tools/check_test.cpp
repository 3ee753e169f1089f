#include "tools/commands/check.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "tests/unit/tools/scratch.hpp"

namespace weir {
namespace {

constexpr int kReportSignal = 63;  // option report_signal's default

// A process that has done `prepare` and waits; it ends with status 7 when it has got the signal.
class Child {
 public:
  explicit Child(const std::function<void()>& prepare) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prepare();
      if (write(ends[1], "x", 1) != 1) _exit(1);
      while (true) pause();
    }
    close(ends[1]);
    char ready = 0;
    if (read(ends[0], &ready, 1) != 1) std::abort();
    close(ends[0]);
  }
  ~Child() {
    if (pid_ != 0) end();
  }
  int end() {
    kill(pid_, SIGKILL);
    return wait();
  }
  int wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

void listen() {
  std::signal(kReportSignal, [](int) { _exit(7); });
}

std::string said_by_check(int pid, int expected) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(check(pid), expected);
  return testing::internal::GetCapturedStderr();
}

TEST(Check, NoProcess) {
  EXPECT_EQ(said_by_check(999999999, 1), "weir: no process 999999999\n");
  EXPECT_EQ(said_by_check(0, 1), "weir: no process 0\n");
  EXPECT_EQ(said_by_check(-1, 1), "weir: no process -1\n");
}

TEST(Check, ProcessWithoutWeirIsLeftAlone) {
  Child child(listen);
  EXPECT_EQ(said_by_check(child.pid(), 1),
            "weir: process " + std::to_string(child.pid()) + " does not run under weir\n");
  EXPECT_TRUE(WIFSIGNALED(child.end()));
}

class CheckWithLibrary : public testing::Test {
 protected:
  CheckWithLibrary() { std::filesystem::copy(TRACED_LIBRARY, library_); }
  void load() const {
    if (dlopen(library_.c_str(), RTLD_NOW) == nullptr) std::abort();
  }
  Scratch scratch_;
  std::string library_ = scratch_ / "libweir.so";
};

TEST_F(CheckWithLibrary, IsAskedBySignal) {
  Child child([&] {
    load();
    listen();
  });
  EXPECT_EQ(said_by_check(child.pid(), 0), "");
  const int status = child.wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(CheckWithLibrary, ProcessThatDoesNotListenIsNotKilled) {
  Child child([&] { load(); });
  EXPECT_NE(said_by_check(child.pid(), 1).find("does not listen to signal 63 (report_signal)"),
            std::string::npos);
  EXPECT_EQ(kill(child.pid(), 0), 0);
  const int status = child.end();
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

// As a daemon does that waits for its signals by sigwait.
TEST_F(CheckWithLibrary, ProcessThatBlocksTheSignalDoesNotAnswer) {
  Child child([&] {
    load();
    listen();
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
  });
  EXPECT_NE(said_by_check(child.pid(), 1).find("does not answer: all its threads block signal 63"),
            std::string::npos);
  EXPECT_EQ(kill(child.pid(), 0), 0);
}

}  // namespace
}  // namespace weir
