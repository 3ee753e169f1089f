// The runs of `weir hunt`: options, input, time limits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "tests/unit/tools/scratch.hpp"
#include "tools/hunt/descendants.hpp"
#include "tools/hunt/input.hpp"
#include "tools/hunt/layouts.hpp"
#include "tools/hunt/run_program.hpp"
#include "tools/options/settings.hpp"
#include "tools/options/table.hpp"

namespace weir {
namespace {

using std::chrono::milliseconds;

TEST(Layouts, OptionsAreRight) {
  for (const Layout& layout : layouts()) {
    for (const OptionPair& pair : split_options(options_of_run(layout, "", "/tmp/j", "/tmp/l"))) {
      EXPECT_EQ(option_mistake(pair.key, pair.value), "");
    }
  }
}

TEST(Layouts, UsersOptionsStandBetweenSuggestedAndFixedOnes) {
  const std::string text = options_of_run(
      layouts()[0],
      "quarantine_blocks=7:leak_check_at_exit=1:guard=page:on_error=abort:json_path=mine:exitcode=9",
      "/tmp/j k", "/tmp/l");
  const Settings settings = settings_of_environment(text);
  EXPECT_EQ(settings.mode, "guard");
  EXPECT_EQ(settings.guard, "canary");
  EXPECT_EQ(settings.on_error, "continue");
  EXPECT_EQ(settings.exitcode, 0u);
  EXPECT_EQ(settings.json_path, "/tmp/j k");
  EXPECT_EQ(settings.log_path, "/tmp/l");
  EXPECT_EQ(settings.quarantine_blocks, 7u);
  EXPECT_TRUE(settings.leak_check_at_exit);
  EXPECT_TRUE(settings.report_huge);
  EXPECT_FALSE(settings_of_environment(options_of_run(layouts()[1], "", "", "")).leak_check_at_exit);
}

std::string names_of(const std::vector<Layout>& chosen) {
  std::string names;
  for (const Layout& layout : chosen) names.append(layout.name).append(" ");
  return names;
}

TEST(Layouts, AreChosenByName) {
  std::vector<Layout> chosen;
  std::string error;
  EXPECT_TRUE(choose_layouts("freed,canary", chosen, error));
  EXPECT_EQ(names_of(chosen), "canary freed ");
  EXPECT_FALSE(choose_layouts("page,pagefront", chosen, error));
  EXPECT_EQ(error, "'pagefront' is no layout; the nearest is 'page-front'");
  chosen.clear();
  EXPECT_FALSE(choose_layouts("", chosen, error));
  EXPECT_EQ(error, "no layout was named");
}

class HuntRuns : public testing::Test {
 protected:
  // What `script` prints, and how it ended.
  RunEnd run(const std::string& script, ProgramInput& input, milliseconds limit = milliseconds(0),
             int check = 0) {
    const std::string to = "exec >" + (scratch / "out") + "; " + script;
    const RunEnd end =
        run_program({{"/bin/sh", "-c", to}, {{"HUNTED", "yes"}}, true, limit, check}, input, -1, [] {});
    out = Scratch::read(scratch / "out");
    return end;
  }
  Scratch scratch;
  std::string out;
};

TEST_F(HuntRuns, EndAsTheProgramDoes) {
  ProgramInput input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  RunEnd end = run("echo $HUNTED; exit 3", input);
  EXPECT_EQ(out, "yes\n");
  EXPECT_TRUE(end.is_whole());
  EXPECT_EQ(end.text(), "status 3");
  end = run("kill -SEGV $$", input);
  EXPECT_FALSE(end.is_whole());
  EXPECT_EQ(end.text(), "SIGSEGV");
  const RunEnd none = run_program({{"/nowhere"}, {}, true, milliseconds(0), 0}, input, -1, [] {});
  EXPECT_EQ(none.start_error, ENOENT);
  EXPECT_EQ(none.text(), "not started: No such file or directory");
}

TEST_F(HuntRuns, ReadAFileFromWhereItStood) {
  const int fd = open(scratch.write("in", "first second").c_str(), O_RDONLY | O_CLOEXEC);
  lseek(fd, 6, SEEK_SET);
  ProgramInput input(fd);
  for (int i = 0; i < 2; ++i) {
    run("cat", input);
    EXPECT_EQ(out, "second");
  }
  close(fd);
}

TEST_F(HuntRuns, GetThePipesInputAgain) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const std::string text(300'000, 'x');  // more than a pipe holds
  std::thread writer([&] {
    std::string_view rest = text;
    while (!rest.empty()) {
      const ssize_t written = write(ends[1], rest.data(), rest.size());
      if (written <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    close(ends[1]);
  });
  ProgramInput input(ends[0]);
  for (int i = 0; i < 3; ++i) {
    run("cat", input);
    EXPECT_EQ(out.size(), text.size()) << i;
  }
  writer.join();
  close(ends[0]);
}

// Nobody waits for a pipe that stays open and is not read.
TEST_F(HuntRuns, DoNotWaitForAPipe) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(write(ends[1], "one\n", 4), 4);
  ProgramInput input(ends[0]);
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(run("read line; echo $line", input).is_whole());
    EXPECT_EQ(out, "one\n");
  }
  close(ends[0]);
  close(ends[1]);
}

TEST_F(HuntRuns, SurviveAProgramThatClosesItsInput) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  ASSERT_EQ(write(ends[1], "one\n", 4), 4);
  ProgramInput input(ends[0]);
  std::thread late([&] {
    std::this_thread::sleep_for(milliseconds(300));
    EXPECT_EQ(write(ends[1], "two\n", 4), 4);
  });
  EXPECT_EQ(run("exec <&-; sleep 0.6; echo done", input).text(), "status 0");
  late.join();
  EXPECT_EQ(out, "done\n");
  close(ends[0]);
  close(ends[1]);
}

TEST_F(HuntRuns, EndWhenTheirTimeIsUp) {
  ProgramInput input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const RunEnd end = run("echo begun; sleep 60", input, milliseconds(300));
  EXPECT_TRUE(end.timed_out);
  EXPECT_EQ(end.text(), "stopped: time limit");
  EXPECT_LT(end.time, milliseconds(3000));
  EXPECT_EQ(out, "begun\n");
}

TEST_F(HuntRuns, AskForACheckFirst) {
  ProgramInput input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  run("trap 'echo checked' USR1; trap 'echo asked; exit' TERM; while :; do sleep 0.05; done", input,
      milliseconds(300), SIGUSR1);
  EXPECT_EQ(out, "checked\nasked\n");
}

TEST_F(HuntRuns, WhatDoesNotCatchTheCheckIsNotEndedByIt) {
  ProgramInput input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  run("trap 'echo asked; exit' TERM; while :; do sleep 0.05; done", input, milliseconds(300), SIGUSR1);
  EXPECT_EQ(out, "asked\n");
}

TEST_F(HuntRuns, TakeTheProgramsOwnWithThem) {
  ProgramInput input(open("/dev/null", O_RDONLY | O_CLOEXEC));
  run("sleep 61 & echo $!; sleep 62", input, milliseconds(300));
  const pid_t background = std::stoi(out);
  const std::optional<Process> process = find_process(background);
  EXPECT_TRUE(!process || !is_alive(*process));
}

TEST(Descendants, AreFoundAndTold) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGUSR2, [](int) {});
    if (fork() == 0) std::signal(SIGUSR2, SIG_DFL);
    if (write(ends[1], "x", 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char byte = 0;
  for (int i = 0; i < 2; ++i) ASSERT_EQ(read(ends[0], &byte, 1), 1);
  const std::vector<Process> found = descendants_of(child);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(is_alive(found[0]));
  EXPECT_TRUE(is_this_tool(found[0]));  // it executes what this test does
  EXPECT_FALSE(catches(found[0], SIGUSR2));
  const std::optional<Process> itself = find_process(child);
  ASSERT_TRUE(itself.has_value());
  EXPECT_TRUE(catches(*itself, SIGUSR2));
  send_signal({found[0].pid, found[0].started + 1}, SIGKILL);  // another one with its number
  EXPECT_TRUE(is_alive(found[0]));
  send_signal(found[0], SIGKILL);
  send_signal(*itself, SIGKILL);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(is_alive(*itself));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace weir
