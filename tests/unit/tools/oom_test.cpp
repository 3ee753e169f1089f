// What `weir oom` reads, runs and concludes.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/unit/tools/scratch.hpp"
#include "tools/oom/report.hpp"
#include "tools/oom/run_program.hpp"
#include "tools/oom/stack_log.hpp"
#include "tools/oom/verdict.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kLog =
    "7 process /bin/app\n"
    "7 module 1 0a0b /bin/app\n"
    "7 module 2 - /lib/with blank.so\n"
    "7 stack 0000000000000001 malloc 24 16 1+119c 2=2724a 0+10\n"
    "7 stack 0000000000000002 new[] 100 64 1+11a0\n"
    "8 module 1 - /lib/with blank.so\n"
    "8 stack 0000000000000003 calloc 1 16 1+5\n"
    "8 stack 0000000000000001 malloc 24 16 1+5\n"
    "7 count 0000000000000001 3\n"
    "8 count 0000000000000001 4\n"
    "7 failed 0000000000000002 new[] 100 64 1+11a0\n"
    "7 crash 11 1+11a1 1=11b0\n";

TEST(StackLog, JoinsProcesses) {
  StackLog log;
  log.read(kLog);
  ASSERT_EQ(log.stacks.size(), 3u);
  EXPECT_EQ(log.stacks[0].call, "malloc");
  EXPECT_EQ(log.stacks[0].bytes, 24u);
  EXPECT_EQ(log.stacks[0].requests, 7u);
  EXPECT_EQ(log.stacks[0].frames,
            (std::vector<LoggedFrame>{{1, 0x119c, false}, {2, 0x2724a, true}, {0, 0x10, false}}));
  EXPECT_EQ(log.modules[1], (LoggedModule{"/bin/app", "0a0b"}));
  EXPECT_EQ(log.modules[2], (LoggedModule{"/lib/with blank.so", ""}));
  EXPECT_EQ(log.stacks[2].frames, (std::vector<LoggedFrame>{{2, 5, false}}));
  ASSERT_EQ(log.failed.size(), 1u);
  EXPECT_EQ(log.failed[0].alignment, 64u);
  ASSERT_EQ(log.crashes.size(), 1u);
  EXPECT_EQ(log.crashes[0].signal, SIGSEGV);
}

TEST(StackLog, LeavesOutWhatCannotBeRead) {
  StackLog log;
  log.read(
      "7 stack 1 malloc 24 16\n"
      "7 stack 0000000000000001 malloc many 16\n"
      "7 stack 0000000000000001 malloc 1 16 1*5\n"
      "\n7\nwhat\n7 count 0000000000000009 1\n7 crash x\n"
      "7 stack 0000000000000004 malloc 24 16 9+5\n"
      "7 stack 0000000000000005 malloc 24");  // killed while it wrote
  ASSERT_EQ(log.stacks.size(), 1u);
  EXPECT_EQ(log.stacks[0].hash, "0000000000000004");
  EXPECT_EQ(log.stacks[0].frames[0].module, 0u);
}

TEST(StackLog, BeginsModulesAnewBehindExec) {
  StackLog log;
  log.read(
      "7 process /bin/a\n7 module 1 - /bin/a\n7 process /bin/b\n"
      "7 stack 0000000000000001 malloc 1 16 1+5\n");
  EXPECT_EQ(log.stacks[0].frames[0].module, 0u);
}

// Runs of a shell: number to result.
std::map<std::size_t, RunResult> run_all(const std::string& script, std::size_t count,
                                         const std::string& input, std::chrono::nanoseconds timeout) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(ends[1]);
  const File kept = keep_input(ends[0]);
  close(ends[0]);
  ProgramRunner runner({"/bin/sh", "-c", script}, kept);
  std::map<std::size_t, RunResult> results;
  for (std::size_t i = 0; i < count; ++i) runner.start(i, {{"NUMBER", std::to_string(i)}}, timeout);
  while (runner.running() != 0) {
    runner.wait(1000ms, [&](std::size_t number, RunResult&& result) { results[number] = std::move(result); });
  }
  return results;
}

std::string contents(const File& file) {
  char text[256] = "";
  return {text, static_cast<std::size_t>(std::max<ssize_t>(pread(file.fd(), text, sizeof text, 0), 0))};
}

TEST(ProgramRunner, GivesEachRunTheWholeInput) {
  const auto results = run_all("cat; echo $NUMBER; echo lost >&2; exit $NUMBER", 3, "input\n", 20s);
  ASSERT_EQ(results.size(), 3u);
  for (const auto& [number, result] : results) {
    EXPECT_EQ(contents(result.output), "input\n" + std::to_string(number) + "\n");
    EXPECT_EQ(WEXITSTATUS(result.status), static_cast<int>(number));
    EXPECT_FALSE(result.timed_out);
  }
  EXPECT_FALSE(same_contents(results.at(0).output, results.at(1).output));
  EXPECT_TRUE(same_contents(results.at(1).output, results.at(1).output));
}

TEST(ProgramRunner, EndsWhatTakesTooLong) {
  const Clock::time_point began = Clock::now();
  const auto results = run_all("sleep 60 & sleep 60", 2, "", 200ms);
  EXPECT_LT(Clock::now() - began, 20s);
  for (const auto& [number, result] : results) EXPECT_TRUE(result.timed_out);
}

TEST(ProgramRunner, EndsWhatIsLeftRunning) {
  const auto results = run_all("sleep 60 >/dev/null & echo $!", 1, "", 20s);
  const pid_t left = std::stoi(contents(results.at(0).output));
  for (int i = 0; i < 100 && kill(left, 0) == 0; ++i) {
    std::ifstream status("/proc/" + std::to_string(left) + "/stat");
    const std::string text(std::istreambuf_iterator<char>(status), {});
    if (text.find(") Z ") != std::string::npos) return;  // nobody collects it here
    usleep(20000);
  }
  EXPECT_NE(kill(left, 0), 0);
}

class Judge : public testing::Test {
 protected:
  Judge() {
    evidence.log.failed.emplace_back();
    reference.output = file("good");
    result.output = file("good");
  }

  Verdict verdict() {
    last = judge(reference, result, std::move(evidence));
    return last.verdict;
  }
  static File file(const std::string& text) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(ends[1]);
    File kept = keep_input(ends[0]);
    close(ends[0]);
    return kept;
  }

  Reference reference;
  RunResult result;
  Evidence evidence;
  Outcome last;
};

constexpr int exited(int status) {
  return status << 8;
}

TEST_F(Judge, TakesAnotherStatusForHandled) {
  result.status = exited(1);
  result.output = file("less");
  EXPECT_EQ(verdict(), Verdict::kHandled);
  EXPECT_EQ(last.status, 1);
}

TEST_F(Judge, SeesAnotherOutput) {
  result.output = file("less");
  EXPECT_EQ(verdict(), Verdict::kSilent);
}

TEST_F(Judge, ForgivesAnotherOutput) {
  result.output = file("less");
  reference.output_matters = false;
  EXPECT_EQ(verdict(), Verdict::kHandled);
}

TEST_F(Judge, SeesThatNothingFailed) {
  evidence.log.failed.clear();
  result.output = file("less");
  EXPECT_EQ(verdict(), Verdict::kNotReached);
}

TEST_F(Judge, SeesSignals) {
  result.status = SIGSEGV;
  EXPECT_EQ(verdict(), Verdict::kCrash);
  EXPECT_EQ(last.signal, SIGSEGV);
}

TEST_F(Judge, SeesAChildsCrash) {
  evidence.log.crashes.push_back({SIGBUS, {{0, 1, true}}});
  EXPECT_EQ(verdict(), Verdict::kCrash);
  EXPECT_EQ(last.signal, SIGBUS);
  EXPECT_EQ(last.crash.size(), 1u);
}

TEST_F(Judge, ForgivesAbort) {
  result.status = SIGABRT;
  reference.abort_is_handled = true;
  EXPECT_EQ(verdict(), Verdict::kHandled);
}

TEST_F(Judge, SeesAHang) {
  result.status = SIGKILL;
  result.timed_out = true;
  EXPECT_EQ(verdict(), Verdict::kHang);
}

TEST_F(Judge, SeesNewLeaksOnly) {
  const LostBlocks known{"direct", 8, 1, {{{"/bin/app", ""}, 16}}};
  const LostBlocks other{"direct", 8, 1, {{{"/bin/app", ""}, 32}}};
  reference.known_leaks = {known.key()};
  evidence.leaks = {known, other};
  EXPECT_EQ(verdict(), Verdict::kLeak);
  ASSERT_EQ(last.leaks.size(), 1u);
  EXPECT_EQ(last.leaks[0].key(), other.key());
  evidence.log.failed.emplace_back();
  evidence.leaks = {known};
  EXPECT_EQ(verdict(), Verdict::kHandled);
}

TEST_F(Judge, ForgivesLeaksOfAnEarlyEnd) {
  reference.leaks = LeakRule::kSameStatus;
  evidence.leaks = {{"direct", 8, 1, {}}};
  result.status = exited(1);
  EXPECT_EQ(verdict(), Verdict::kHandled);
}

TEST_F(Judge, PutsMisuseFirst) {
  evidence.misuse = "double-free: free of a freed block of 16 byte(s)";
  result.status = SIGABRT;
  EXPECT_EQ(verdict(), Verdict::kMisuse);
}

TEST(Evidence, IsReadFromAllFiles) {
  Scratch scratch;
  scratch.write("1.stacks", "1 failed 0000000000000002 malloc 1 16\n");
  scratch.write("2.stacks", "2 crash 6\n");
  scratch.write("1.log", "=====\n==1==ERROR: weir: detected memory leaks\n");
  scratch.write("2.log", "==2==ERROR: weir: bad-free: free of 0x1, which is not mapped\n");
  scratch.write("1.json",
                "{\"leaks\": [{\"kind\": \"direct\", \"bytes\": 3, \"blocks\": 1, \"frames\": ["
                "{\"address\": \"0x1\", \"inlined\": true, \"offset\": \"0x10\", \"module\": \"/bin/app\"},"
                "{\"address\": \"0x1\", \"offset\": \"0x10\", \"module\": \"/bin/app\"}]}]}");
  scratch.write("2.json",
                "{\"kind\": \"bad-free\"}\n{\"leaks\": [{\"kind\": \"reachable\", \"bytes\": 3, "
                "\"blocks\": 1, \"frames\": []}]}\n");
  scratch.write("3.json", "{ cut");
  const Evidence evidence = Evidence::read(scratch / "");
  EXPECT_EQ(evidence.log.failed.size(), 1u);
  EXPECT_EQ(evidence.log.crashes.size(), 1u);
  EXPECT_EQ(evidence.misuse, "bad-free: free of 0x1, which is not mapped");
  ASSERT_EQ(evidence.leaks.size(), 1u);
  ASSERT_EQ(evidence.leaks[0].frames.size(), 1u);
  EXPECT_EQ(evidence.leaks[0].frames[0].offset, 16u);
}

TEST(OomReport, PutsAlikeRunsTogether) {
  OomReport report;
  report.stacks.read(
      "7 stack 0000000000000001 malloc 24 16 0+119c 0+1\n7 stack 0000000000000002 malloc 24 16 0+119c 0+2\n"
      "7 stack 0000000000000003 new 24 16 0+33 0+2\n");
  for (std::size_t i = 0; i < 3; ++i) {
    report.runs.push_back({i, {}});
    report.runs.back().outcome.verdict = Verdict::kCrash;
    report.runs.back().outcome.signal = SIGSEGV;
  }
  FrameNames names;
  const std::string text = oom_text(report, names);
  EXPECT_NE(text.find("crash: SIGSEGV when this malloc of 24 byte(s) failed (stack=0000000000000001):\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("(stack=0000000000000002)"), std::string::npos) << text;
  EXPECT_NE(text.find("  and 1 more stack(s) through the same call: 0000000000000002\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("when this operator new of 24 byte(s) failed"), std::string::npos) << text;
  EXPECT_FALSE(report.all_handled());
  EXPECT_EQ(oom_summary(report),
            "SUMMARY: weir oom: 3 stack(s) failed once each: 0 handled, 3 crash(es), 0 hang(s), 0 leak(s)");
}

}  // namespace
}  // namespace weir
