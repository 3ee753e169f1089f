// `weir routes`, and what `weir run` makes of --route and --routes-file, as a user starts them.
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/tools/command.hpp"
#include "tests/unit/tools/scratch.hpp"

namespace weir {
namespace {

TEST(Routes, ListsRules) {
  const CommandOutcome outcome = weir("routes 'size<=256 -> pool; a: * -> parent'");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.errors, "");
  EXPECT_TRUE(has(outcome.text, " 1  pool   size<=256  pool(capacity=unlimited")) << outcome.text;
  EXPECT_TRUE(has(outcome.text, " 2  a      *          parent\n")) << outcome.text;
}

TEST(Routes, ShowsMistakesAndTheOtherRules) {
  const CommandOutcome outcome = weir("routes 'size<=256 -> pol; a: * -> parent; * -> pool'");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.errors,
            "weir: RULES: 'pol' is no target; the nearest is 'pool'\n"
            "  size<=256 -> pol\n"
            "               ^~~\n"
            "weir: rule 2 (pool) never takes anything: rule 1 (a) takes it first\n");
  EXPECT_TRUE(has(outcome.text, " 1  a ")) << outcome.text;
}

TEST(Routes, ReadsAFileOrTheEnvironment) {
  const Scratch scratch;
  const std::string file = scratch.write("rules", "# none yet\n* -> page\n");
  EXPECT_TRUE(has(weir("routes --file '" + file + "'").text, "page(huge=0)"));
  EXPECT_TRUE(has(weir("routes", "WEIR_ROUTES='@" + file + "'").text, "page(huge=0)"));
  EXPECT_TRUE(has(weir("routes", "WEIR_ROUTES='* -> pool'").text, "pool("));
  for (const char* arguments :
       {"routes", "routes '# none'", "routes --file /nowhere", "routes '* -> pool' --file x"}) {
    const CommandOutcome outcome = weir(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments;
    EXPECT_TRUE(outcome.errors.starts_with("weir: ")) << arguments;
    EXPECT_EQ(outcome.text, "") << arguments;
  }
}

TEST(Routes, AnswersForARequest) {
  const std::string rules = "routes 'call=new* size<1K -> pool; align>=64 -> page; * -> arena' ";
  EXPECT_TRUE(has(weir(rules + "--size 100 --call 'new[]'").text, "It goes to pool by rule 1 (pool).\n"));
  EXPECT_TRUE(
      has(weir(rules + "--size 1K --call new --align 64").text, "It goes to page by rule 2 (page).\n"));
  EXPECT_TRUE(
      has(weir(rules + "--size 100").text, "It goes to arena by rule 3 (arena), unless rule 1 (pool)"));
  EXPECT_EQ(weir(rules + "--size many").status, 2);
  const CommandOutcome outcome = weir(rules + "--call neww");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(has(outcome.errors, "'neww' is no call; the nearest is 'new'")) << outcome.errors;
}

TEST(RunWithRoutes, DoesNotStartWithAMistake) {
  const Scratch scratch;
  const std::string mark = scratch / "started";
  const CommandOutcome outcome = weir("run --route 'size<5 -> pol' -- touch '" + mark + "'");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(
      has(outcome.errors,
          "weir: --route: 'pol' is no target; the nearest is 'pool'\n  size<5 -> pol\n            ^~~\n"));
  EXPECT_EQ(weir("run --routes-file /nowhere -- touch '" + mark + "'").status, 2);
  EXPECT_EQ(weir("run --routes-file /dev/null --route '* -> pool' -- touch '" + mark + "'").status, 2);
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST(RunWithRoutes, SetsTheRulesAndMeasures) {
  const CommandOutcome outcome = weir("run --route '* -> pool' -- env");
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(variable(outcome, "WEIR_ROUTES"), "* -> pool");
  EXPECT_EQ(variable(outcome, "WEIR_OPTIONS"), "mode=pass:stats=1");
  const CommandOutcome twice =
      weir("run --route 'size<9 -> pool' --route '* -> page' env", "WEIR_ROUTES='* -> parent'");
  EXPECT_TRUE(has(twice.text, "WEIR_ROUTES=size<9 -> pool\n* -> page\n")) << twice.text;
  EXPECT_EQ(variable(weir("run env"), "WEIR_ROUTES"), "(none)");
  EXPECT_EQ(variable(weir("run env"), "WEIR_OPTIONS"), "(none)");
}

TEST(RunWithRoutes, LeavesWhatTheOptionsSay) {
  EXPECT_EQ(variable(weir("run --mode leak --route '* -> pool' env"), "WEIR_OPTIONS"), "mode=leak");
  EXPECT_EQ(variable(weir("run --route '* -> pool' env", "WEIR_OPTIONS=mode=leak"), "WEIR_OPTIONS"),
            "mode=leak");
  EXPECT_EQ(variable(weir("run -o stats=0 --route '* -> pool' env"), "WEIR_OPTIONS"), "mode=pass:stats=0");
  EXPECT_EQ(variable(weir("run --stats -o stats_path=/x/y --route '* -> pool' env"), "WEIR_OPTIONS"),
            "mode=pass:stats_path=/x/y:stats=1");
}

TEST(RunWithRoutes, NamesAFileFromTheRoot) {
  const Scratch scratch;
  const std::string file = scratch.write("rules", "* -> pool\n");
  const std::string folder = file.substr(0, file.rfind('/'));
  const CommandOutcome outcome = weir("run --routes-file rules env", "cd '" + folder + "';");
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(variable(outcome, "WEIR_ROUTES"), '@' + file);
}

TEST(RouteSites, RefusesWhatIsNoQuestion) {
  const CommandOutcome outcome = weir("route-sites --fd 9 9</dev/null");
  EXPECT_NE(outcome.status, 0);
  EXPECT_TRUE(has(outcome.errors, "weir: cannot read the question about call sites")) << outcome.errors;
}

}  // namespace
}  // namespace weir
