#include <gtest/gtest.h>

#include "tests/unit/tools/findings_builder.hpp"
#include "tests/unit/tools/frame_samples.hpp"
#include "tests/unit/tools/scratch.hpp"
#include "tools/commands/leak_report.hpp"
#include "tools/json/json.hpp"
#include "tools/report/json.hpp"
#include "tools/report/leaks.hpp"
#include "tools/report/output.hpp"
#include "tools/report/text.hpp"

namespace weir {
namespace {

const ModuleName kPlugin{.path = "/opt/plugin.so", .build_id = "beef", .unloaded = true};

const Frame kInlinedFrame{
    .address = 0x401000,
    .offset = 0x1000,
    .module = &kApp,
    .sources = {{.function = "make(int)", .file = "/src/make.cpp", .line = 3, .column = 7, .inlined = true},
                {.function = "outer()", .file = "/src/app.cpp", .line = 12}}};
const Frame kStripped{.address = 0x402000, .offset = 0x2000, .module = &kApp, .sources = {{}}};
const Frame kSymbolOnly{
    .address = 0x7f0000001234, .offset = 0x1234, .module = &kPlugin, .sources = {{.function = "plug"}}};

LeakReport sample_report() {
  LeakReport report;
  report.facts.pid = 4711;
  report.facts.context_size = 64;
  report.facts.peak_bytes = 5000;
  report.facts.allocations = 30;
  report.facts.frees = 20;
  report.facts.totals[2] = {64, 2};
  report.command = {"./app", "arg"};
  report.leaks = {{LeakKind::kDirect, 100, 2, kStackCut, "", "", {&kInlinedFrame, &kStripped}},
                  {LeakKind::kIndirect, 8, 1, kStackUnknown, "", "", {&kSymbolOnly, &kNoModule}}};
  report.lost[0] = {100, 2};
  report.lost[1] = {8, 1};
  return report;
}

TEST(ReportText, HasLeakSanitizersLayout) {
  EXPECT_EQ(report_text(sample_report(), {}, false), R"(
=================================================================
==4711==ERROR: weir: detected memory leaks

Direct leak of 100 byte(s) in 2 object(s) allocated from:
    #0 0x000000401000 in make(int) /src/make.cpp:3:7
    #1 0x000000401000 in outer() /src/app.cpp:12
    #2 0x000000402000 (/opt/app+0x2000) (BuildId: c0ffee)
    ... (deeper than malloc_context_size=64)

Indirect leak of 8 byte(s) in 1 object(s) allocated from:
    #0 0x7f0000001234 in plug (/opt/plugin.so+0x1234) (BuildId: beef) (unloaded)
    #1 0x000000000099 (<unknown module>)
    ... (code without unwind tables)

weir: totals: direct 100 byte(s) in 2 block(s), indirect 8 in 1, still reachable 64 in 2; peak 5000; 30 allocation(s), 20 free(s)
SUMMARY: weir: 108 byte(s) leaked in 3 allocation(s).
)");
}

TEST(ReportText, NamesWhatIsUnusual) {
  LeakReport report = sample_report();
  report.leaks.clear();
  report.more_leaks = 3;
  report.small_leaks = 2;
  report.facts.reason = CheckReason::kSignal;
  report.facts.peak_error_bytes = 12;
  report.facts.foreign_frees = 1;
  report.facts.bad_frees = 2;
  report.facts.untracked_stacks = 3;
  report.facts.uncleared_frees = 5;
  report.facts.silent_threads = 4;
  report.facts.threads = 9;
  report.facts.pause_ns = 1234567;
  report.suppressed = {10, 1};
  report.used = {{"mine", 1, 10, false}, {"^setlocale$ in libc.so", 12, 3000, true}};
  report.unused = {"never"};
  Settings settings;
  settings.max_leaks = 5;
  settings.min_leak_bytes = 16;
  EXPECT_EQ(report_text(report, settings, false), R"(
=================================================================
==4711==ERROR: weir: detected memory leaks

Omitting 3 more leak(s) (max_leaks=5).

Omitting 2 leak(s) of fewer than 16 bytes (min_leak_bytes).

-----------------------------------------------------
Suppressions used:
  count      bytes template
      1         10 mine
     12       3000 ^setlocale$ in libc.so (built in)
Suppressions not used:
  never
-----------------------------------------------------

weir: totals: direct 100 byte(s) in 2 block(s), indirect 8 in 1, still reachable 64 in 2, suppressed 10 in 1; peak 5000 (±12); 30 allocation(s), 20 free(s)
weir: 1 block(s) of another allocator were freed, and handed on to it
weir: 2 free(s) of what is no live block
weir: 3 allocation(s) without a stack of their own (option stack_memory)
weir: 5 large freed block(s) kept their contents: old pointers in memory that was used again may hide leaks (option clear_freed)
weir: 4 thread(s) did not stand still in time, their whole stacks were searched (option freeze_timeout_ms)
weir: the program stood still for 1.235 ms (9 thread(s))
SUMMARY: weir: 108 byte(s) leaked in 3 allocation(s).
)");
}

TEST(ReportText, NamesTheRoute) {
  LeakReport report = sample_report();
  report.leaks = {{LeakKind::kDirect, 64, 2, 0, "strings", "", {}}};
  EXPECT_NE(report_text(report, {}, false)
                .find("\nDirect leak of 64 byte(s) in 2 object(s) allocated on route 'strings' from:\n"),
            std::string::npos);
}

TEST(ReportText, ListsReachableBlocks) {
  LeakReport report = sample_report();
  report.leaks = {{LeakKind::kReachable, 64, 2, 0, "", "", {}}};
  const std::string text = report_text(report, {}, false);
  EXPECT_NE(
      text.find(
          "\nStill reachable: 64 byte(s) in 2 object(s) allocated from:\n    (no stack was recorded)\n"),
      std::string::npos);
}

constexpr const char* kNoLeaks =
    "weir: no leaks: direct 0 byte(s) in 0 block(s), indirect 0 in 0, still reachable 64 in 2; peak 5000; "
    "30 allocation(s), 20 free(s)\n";

LeakReport without_leaks() {
  LeakReport report = sample_report();
  report.leaks.clear();
  report.lost[0] = report.lost[1] = {};
  return report;
}

TEST(ReportText, SaysThatThereIsNoLeakWhenAsked) {
  LeakReport report = without_leaks();
  Settings settings;
  EXPECT_EQ(report_text(report, settings, false), "");
  settings.summary = "always";
  EXPECT_EQ(report_text(report, settings, false), kNoLeaks);
  settings.summary = "never";
  EXPECT_EQ(report_text(report, settings, false), "");
  settings.summary = "leaks";
  report.facts.reason = CheckReason::kSignal;
  report.facts.threads = 1;
  EXPECT_EQ(report_text(report, settings, false),
            std::string(kNoLeaks) + "weir: the program stood still for 0.000 ms (1 thread(s))\n");
}

TEST(ReportText, KeepsSilentAboutBuiltInSuppressionsAlone) {
  LeakReport report = without_leaks();
  report.unused = {"never"};
  report.used = {{"^setlocale$ in libc.so", 1, 1, true}};
  EXPECT_EQ(report_text(report, {}, false), "");
  report.used.push_back({"mine", 1, 10, false});
  EXPECT_EQ(report_text(report, {}, false),
            "-----------------------------------------------------\n"
            "Suppressions used:\n  count      bytes template\n      1         10 mine\n"
            "-----------------------------------------------------\n\n");
  Settings settings;
  settings.print_suppressions = false;
  EXPECT_EQ(report_text(report, settings, false), "");
}

TEST(ReportText, SummaryCanBeLeftOut) {
  Settings settings;
  settings.summary = "never";
  const std::string text = report_text(sample_report(), settings, false);
  EXPECT_NE(text.find("ERROR: weir"), std::string::npos);
  EXPECT_EQ(text.find("SUMMARY"), std::string::npos);
  EXPECT_EQ(text.find("totals"), std::string::npos);
}

TEST(ReportText, CutsThePrefixFromTheFront) {
  Settings settings;
  settings.strip_path_prefix = "/src/";
  const std::string text = report_text(sample_report(), settings, false);
  EXPECT_NE(text.find("in make(int) make.cpp:3:7\n"), std::string::npos);
  settings.strip_path_prefix = "rc/";
  EXPECT_NE(report_text(sample_report(), settings, false).find("in make(int) /src/make.cpp:3:7\n"),
            std::string::npos);
}

TEST(ReportText, IsColouredOnlyWhenAsked) {
  EXPECT_EQ(report_text(sample_report(), {}, false).find('\x1b'), std::string::npos);
  EXPECT_NE(report_text(sample_report(), {}, true).find("\x1b[1;31m==4711==ERROR"), std::string::npos);
}

TEST(ReportJson, HasEverythingOfTheText) {
  LeakReport report = sample_report();
  report.used = {{"mine", 1, 10, false}};
  report.unused = {"never"};
  report.facts.pause_ns = 5;
  report.command.push_back("\xff");
  Settings settings;
  settings.strip_path_prefix = "/src/";
  const std::string text = report_json(report, settings);
  const JsonDocument document(text);
  const JsonView json = document.root();
  EXPECT_EQ(json["tool"].string(), "weir");
  EXPECT_EQ(json["pid"].number(), 4711U);
  EXPECT_EQ(json["reason"].string(), "exit");
  ASSERT_EQ(json["command"].elements().size(), 3U);
  EXPECT_EQ(json["command"].elements()[2].string(), "\xef\xbf\xbd");
  EXPECT_EQ(json["totals"]["direct"]["bytes"].number(), 100U);
  EXPECT_EQ(json["totals"]["indirect"]["blocks"].number(), 1U);
  EXPECT_EQ(json["totals"]["reachable"]["bytes"].number(), 64U);
  EXPECT_EQ(json["peak_bytes"].number(), 5000U);
  EXPECT_EQ(json["pause_ns"].number(), 5U);
  const std::vector<JsonView> leaks = json["leaks"].elements();
  ASSERT_EQ(leaks.size(), 2U);
  EXPECT_EQ(leaks[0]["kind"].string(), "direct");
  EXPECT_TRUE(leaks[0]["stack_cut"].flag());
  EXPECT_EQ(leaks[0]["frames"].elements().size(), 3U);
  const char* const frame =
      "\n  "
      "{\"address\":\"0x401000\",\"function\":\"make(int)\",\"file\":\"make.cpp\",\"line\":3,\"column\":7,"
      "\"module\":\"/opt/app\",\"offset\":\"0x1000\",\"build_id\":\"c0ffee\",\"unloaded\":false,"
      "\"inlined\":true},";
  EXPECT_NE(text.find(frame), std::string::npos) << text;
  EXPECT_NE(text.find("\n  {\"address\":\"0x99\",\"inlined\":false}]}"), std::string::npos) << text;
  EXPECT_EQ(json["suppressions"].elements()[0]["pattern"].string(), "mine");
  EXPECT_EQ(json["suppressions"].elements()[1]["count"].number(), 0U);
}

// From findings to the report.
struct BuiltReport {
  explicit BuiltReport(FindingsBuilder builder, Settings settings = {},
                       std::vector<std::string> patterns = {})
      : bytes(builder.build()), matcher(patterns, true) {
    std::string error;
    EXPECT_TRUE(findings.open(bytes, error)) << error;
    symboliser.emplace(findings, true);
    report = build_report(findings, settings, *symboliser, matcher);
  }
  std::vector<std::byte> bytes;
  Findings findings;
  std::optional<Symboliser> symboliser;
  SuppressionMatcher matcher;
  LeakReport report;
};

std::vector<std::uint64_t> bytes_of(const LeakReport& report) {
  std::vector<std::uint64_t> bytes;
  for (const Leak& leak : report.leaks) bytes.push_back(leak.bytes);
  return bytes;
}

FindingsBuilder five_leaks() {
  FindingsBuilder builder;
  const std::size_t app = builder.module("/nowhere/app", 0x10000, 0x20000, 0x10000);
  const std::size_t lib = builder.module("/nowhere/lib", 0x20000, 0x30000, 0x20000);
  builder.group(LeakKind::kReachable, 500, 1, {builder.token(app, 0x10100)});
  builder.group(LeakKind::kIndirect, 30, 1, {builder.token(app, 0x10100)});
  builder.group(LeakKind::kDirect, 10, 1, {builder.token(lib, 0x20100)});
  builder.group(LeakKind::kIndirect, 40, 1, {builder.token(app, 0x10100)});
  builder.group(LeakKind::kDirect, 20, 1, {builder.token(app, 0x10100)});
  builder.group(LeakKind::kDirect, 20, 2, {builder.token(app, 0x10101)});
  return builder;
}

TEST(BuildReport, SortsByKindAndSize) {
  const BuiltReport built(five_leaks());
  EXPECT_EQ(bytes_of(built.report), (std::vector<std::uint64_t>{20, 20, 10, 40, 30}));
  EXPECT_EQ(built.report.leaks[0].blocks, 2u);
  EXPECT_EQ(built.report.lost_bytes(), 120u);
  EXPECT_EQ(built.report.lost_blocks(), 6u);
}

TEST(BuildReport, StacksBeginWithTheProgramsCall) {
  FindingsBuilder builder;
  const std::size_t weir = builder.module("/lib/libweir.so", 0x10000, 0x20000, 0x10000);
  builder.group(LeakKind::kDirect, 10, 1, {builder.token(weir, 0x10100), builder.token(0, 0x99)});
  const BuiltReport built(std::move(builder));
  ASSERT_EQ(built.report.leaks[0].frames.size(), 1u);
  EXPECT_EQ(built.report.leaks[0].frames[0]->address, 0x98u);
}

TEST(BuildReport, ListsReachableBlocksLast) {
  Settings settings;
  settings.show_reachable = true;
  const BuiltReport built(five_leaks(), settings);
  EXPECT_EQ(built.report.leaks.back().kind, LeakKind::kReachable);
  EXPECT_EQ(built.report.lost_bytes(), 120u);
}

TEST(BuildReport, LimitsWhatIsPrintedButNotWhatIsCounted) {
  Settings settings;
  settings.max_leaks = 1;
  settings.min_leak_bytes = 20;
  const BuiltReport built(five_leaks(), settings);
  EXPECT_EQ(bytes_of(built.report), (std::vector<std::uint64_t>{20}));
  EXPECT_EQ(built.report.small_leaks, 1u);
  EXPECT_EQ(built.report.more_leaks, 3u);
  EXPECT_EQ(built.report.lost_bytes(), 120u);
}

TEST(BuildReport, SuppressesByModule) {
  const BuiltReport built(five_leaks(), {}, {"/nowhere/lib"});
  EXPECT_EQ(bytes_of(built.report), (std::vector<std::uint64_t>{20, 20, 40, 30}));
  EXPECT_EQ(built.report.suppressed.bytes, 10u);
  ASSERT_EQ(built.report.used.size(), 1u);
  EXPECT_EQ(built.report.used[0].bytes, 10u);
}

TEST(BuildReport, IndirectLeaksGoWithTheLastDirectOne) {
  FindingsBuilder builder;
  const std::size_t app = builder.module("/nowhere/app", 0x10000, 0x20000, 0x10000);
  const std::size_t lib = builder.module("/nowhere/lib", 0x20000, 0x30000, 0x20000);
  builder.group(LeakKind::kDirect, 10, 1, {builder.token(lib, 0x20100)});
  builder.group(LeakKind::kIndirect, 40, 1, {builder.token(app, 0x10100)});
  const BuiltReport built(std::move(builder), {}, {"/nowhere/lib"});
  EXPECT_TRUE(built.report.leaks.empty());
  EXPECT_EQ(built.report.lost_blocks(), 0u);
  EXPECT_EQ(built.report.suppressed.bytes, 50u);
  EXPECT_EQ(built.report.used[0].bytes, 10u);
}

TEST(Output, ExpandsPaths) {
  EXPECT_EQ(expand_path("a.%p.%e.%%.%x.%", 12, "app"), "a.12.app.%.%x.%");
}

TEST(Output, ColourIsForTerminals) {
  const Scratch scratch;
  const ReportLog log(scratch / "log", 1, "app");
  EXPECT_TRUE(log.wants_color("always"));
  EXPECT_FALSE(log.wants_color("never"));
  EXPECT_FALSE(log.wants_color("auto"));
}

class LeakReportCommand : public testing::Test {
 protected:
  int report(FindingsBuilder builder) {
    builder.argument("/usr/bin/some app");
    const std::vector<std::byte> bytes = builder.build();
    return leak_report(
        -1, scratch.write("findings", {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  }
  Scratch scratch;
};

TEST_F(LeakReportCommand, AppendsToTheLogAndReplacesTheJson) {
  for (int i = 0; i < 2; ++i) {
    FindingsBuilder builder = five_leaks();
    builder.option("log_path=" + (scratch / "log.%p.%e"));
    builder.option("json_path=" + (scratch / "%p.json"));
    EXPECT_EQ(report(builder), kReportLeaks);
  }
  const std::string log = Scratch::read(scratch / "log.4711.some app");
  EXPECT_NE(log.find("SUMMARY"), log.rfind("SUMMARY"));
  EXPECT_NE(log.find("SUMMARY"), std::string::npos);
  EXPECT_EQ(JsonDocument(Scratch::read(scratch / "4711.json")).root()["leaks"].elements().size(), 5U);
  EXPECT_FALSE(std::filesystem::exists(scratch / ("4711.json." + std::to_string(getpid()))));
}

TEST_F(LeakReportCommand, FallsBackToStderr) {
  FindingsBuilder builder = five_leaks();
  builder.option("log_path=" + (scratch / "no/such/log"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(report(builder), kReportLeaks);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(said.starts_with("weir: cannot write the report to " + (scratch / "no/such/log") +
                               ": No such file or directory; it follows here\n"));
  EXPECT_NE(said.find("SUMMARY: weir: 120 byte(s) leaked in 6 allocation(s).\n"), std::string::npos);
}

TEST_F(LeakReportCommand, EndsWithNothingWhenAllIsSuppressed) {
  FindingsBuilder builder = five_leaks();
  builder.option("log_path=" + (scratch / "log"));
  builder.option("suppressions=" + scratch.write("known.supp", "leak:/nowhere/*\n"));
  EXPECT_EQ(report(builder), kReportNothing);
  EXPECT_EQ(Scratch::read(scratch / "log"),
            "-----------------------------------------------------\n"
            "Suppressions used:\n  count      bytes template\n      6        120 /nowhere/*\n"
            "-----------------------------------------------------\n\n");
}

TEST_F(LeakReportCommand, ProgramsWithoutLeaksLeaveNoLogBehind) {
  FindingsBuilder builder;
  builder.option("log_path=" + (scratch / "log"));
  EXPECT_EQ(report(builder), kReportNothing);
  EXPECT_FALSE(std::filesystem::exists(scratch / "log"));
}

TEST_F(LeakReportCommand, ReportThatCannotBeWrittenComesOnStandardError) {
  FindingsBuilder builder = five_leaks();
  builder.option("log_path=/dev/full");
  EXPECT_EQ(report(builder), kReportLeaks);
}

}  // namespace
}  // namespace weir
