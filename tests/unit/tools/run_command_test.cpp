// What `weir run --guard` makes of it, and the command line of `weir hunt`, as a user starts them.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/tools/command.hpp"

namespace weir {
namespace {

// WEIR_OPTIONS of a program that is started so.
std::string options_with(const std::string& flags) {
  return variable(weir("run " + flags + " -- /usr/bin/env"), "WEIR_OPTIONS");
}

TEST(Run, GuardSetsTheMode) {
  EXPECT_EQ(options_with("--guard"), "mode=guard");
  EXPECT_EQ(options_with("--guard=page"), "mode=guard:guard=page");
  EXPECT_EQ(options_with("--guard=page-front --exitcode 7"), "exitcode=7:mode=guard:guard=page-front");
  EXPECT_EQ(options_with("-o guard=page --guard"), "guard=page:mode=guard");
}

TEST(Run, GuardTakesNoWordBehindIt) {
  const CommandOutcome outcome = weir("run --guard /usr/bin/env");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(variable(outcome, "WEIR_OPTIONS"), "mode=guard");
}

TEST(Run, GuardTellsMistakes) {
  const CommandOutcome outcome = weir("run --guard=pages -- /usr/bin/env");
  EXPECT_EQ(outcome.errors,
            "weir: option 'guard' cannot be 'pages', it takes canary|page|page-front; ignored\n");
  EXPECT_EQ(variable(outcome, "WEIR_OPTIONS"), "mode=guard");
  EXPECT_EQ(weir("run --gaurd -- /usr/bin/env").status, 2);
}

TEST(Hunt, TellsMistakes) {
  const auto mistake = [](const std::string& arguments) {
    const CommandOutcome outcome = weir("hunt " + arguments);
    EXPECT_EQ(outcome.status, 2) << arguments;
    EXPECT_EQ(outcome.text, "");
    return outcome.errors;
  };
  EXPECT_EQ(mistake(""), "weir: PROGRAM is required (weir --help tells more)\n");
  EXPECT_EQ(mistake("--layouts pages -- true"),
            "weir: --layouts: 'pages' is no layout; the nearest is 'page' (weir --help tells more)\n");
  EXPECT_TRUE(has(mistake("--timeout 0 -- true"), "--timeout: "));
  EXPECT_TRUE(has(mistake("--exitcode 256 -- true"), "--exitcode: "));
  EXPECT_TRUE(has(mistake("--color some -- true"), "--color: "));
  EXPECT_TRUE(has(mistake("--nonsense -- true"), "--nonsense"));
  EXPECT_TRUE(has(mistake("-o strict=1 -o exitcod=1 -- true"), "the nearest is 'exitcode'"));
}

TEST(Hunt, SaysThatTheLibraryCannotGetIn) {
  const CommandOutcome outcome = weir("hunt -- " STATIC_PROGRAM);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.errors,
            "weir: " STATIC_PROGRAM
            " is statically linked: the preload cannot take effect, there is nothing to hunt\n");
}

TEST(Hunt, HelpFitsTheTerminal) {
  for (const char* command : {"--help", "run --help", "hunt --help"}) {
    const std::string text = weir(command).text;
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      EXPECT_LE(end - begin, 80u) << text.substr(begin, end - begin);
    }
  }
}

}  // namespace
}  // namespace weir
