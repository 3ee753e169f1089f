#include "tools/report/incident_json.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/tools/frame_samples.hpp"
#include "tests/unit/tools/incident_samples.hpp"
#include "tests/unit/tools/scratch.hpp"
#include "tools/commands/incident_report.hpp"
#include "tools/commands/leak_report.hpp"
#include "tools/report/incident_text.hpp"

namespace weir {
namespace {

const ModuleName kGone{.path = "/opt/plugin.so", .unloaded = true};
const Frame kInlined{
    .address = 0x401000,
    .offset = 0x1000,
    .module = &kApp,
    .sources = {{"make(int)", "/src/make.cpp", 3, 7, true}, {"outer()", "/src/app.cpp", 12, 0, false}}};
const Frame kNoLine{
    .address = 0x7f0000001234, .offset = 0x1234, .module = &kGone, .sources = {{.function = "plug"}}};

Incident sample_incident() {
  Incident incident;
  FindingsIncident& facts = incident.facts;
  facts.kind = IncidentKind::kUseAfterFree;
  facts.occasion = IncidentOccasion::kSignal;
  facts.address = 0x340000001018;
  facts.block_address = 0x340000001010;
  facts.block_bytes = 16;
  facts.block_alignment = 32;
  facts.block_is_freed = 1;
  facts.made_by = IncidentCall::kNewArray;
  facts.freed_by = IncidentCall::kDelete;
  facts.generation = 1;
  facts.damage_offset = 8;
  facts.damage_bytes = 4;
  facts.damaged_count = 3;
  facts.neighbour_address = 0x340000000f00;
  facts.neighbour_bytes = 24;
  facts.dump_address = 0x340000001010;
  incident.pid = 4711;
  incident.context_size = 8;
  incident.signal = 63;
  incident.route = "strings";
  incident.dump = {1, 2, 0xff, 4, 5};
  incident.marks = {DumpMark::kOther, DumpMark::kBlock, DumpMark::kCanary, DumpMark::kDamaged,
                    DumpMark::kUnreadable};
  incident.now = {{&kInlined, &kNoModule}, 0, 1, 4711, 0, "main"};
  incident.freed = {{&kNoLine}, kStackUnknown, 2, 4712, 1000, "worker"};
  incident.allocated = {{&kInlined}, kStackCut, 3, 4713, 2000, ""};
  incident.neighbour = {{&kNoLine}, 0, 1, 4711, 5, "main"};
  return incident;
}

constexpr IncidentStyle kPlain{{}, {}, false, true};

TEST(IncidentJson, HasEverythingOfTheText) {
  const std::string line = incident_json_line(sample_incident(), {"./app", "\xff"}, "/src/");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const JsonDocument document(line);
  const JsonView json = document.root();
  const auto has = [&](const char* part) { return line.find(part) != std::string::npos; };
  EXPECT_EQ(json["tool"].string(), "weir");
  EXPECT_EQ(json["reason"].string(), "incident");
  EXPECT_EQ(json["pid"].number(), 4711U);
  EXPECT_EQ(json["command"].elements()[1].string(), "\xef\xbf\xbd");
  EXPECT_EQ(json["kind"].string(), "heap-use-after-free");
  EXPECT_EQ(json["message"].string(),
            "heap-use-after-free: 3 byte(s) written at offset 8 of a freed block of 16 byte(s), found by the "
            "check on signal 63");
  EXPECT_EQ(json["occasion"].string(), "signal");
  EXPECT_FALSE(json.has("place"));
  EXPECT_TRUE(
      has(R"("block":{"address":"0x340000001010","bytes":16,"alignment":32,"freed":true,"generation":1,)"
          R"("made_by":"operator new[]","freed_by":"operator delete","route":"strings"})"))
      << line;
  EXPECT_TRUE(has(R"("damage":{"offset":8,"bytes":4,"count":3})")) << line;
  EXPECT_TRUE(has(R"("dump":{"address":"0x340000001010","bytes":"0102ff0405","marks":".bcd?"})")) << line;
  EXPECT_TRUE(json["stacks"]["freed"]["stack_unknown"].flag());
  EXPECT_EQ(json["stacks"]["allocated"]["frames"].elements()[0]["file"].string(), "make.cpp");
  EXPECT_EQ(json["stacks"]["now"]["frames"].elements().size(), 3U);
  EXPECT_EQ(json["summary"].string(), "heap-use-after-free in plug (/opt/plugin.so+0x1234)");
}

void expect_round_trip(const Incident& incident) {
  FramePool pool;
  const std::string line = incident_json_line(incident, {"./app"}, "");
  const std::optional<Incident> read = read_incident_json(line, pool);
  ASSERT_TRUE(read.has_value()) << line;
  EXPECT_EQ(incident_text(*read, kPlain), incident_text(incident, kPlain));
  EXPECT_EQ(incident_json_line(*read, {"./app"}, ""), line);
}

TEST(IncidentJson, CanBeReadBack) {
  Incident incident = sample_incident();
  expect_round_trip(incident);
  incident = sample_incident();
  incident.facts.occasion = IncidentOccasion::kAccess;
  incident.facts.access = IncidentAccess::kWrite;
  expect_round_trip(incident);
  for (std::uint32_t kind = 0; kind < kIncidentKinds; ++kind) {
    incident = {};
    incident.facts.kind = static_cast<IncidentKind>(kind);
    incident.facts.call = IncidentCall::kCalloc;
    incident.facts.given_size = ~0ull;
    incident.facts.given_alignment = 3;
    incident.facts.given_count = 7;
    incident.facts.place = IncidentPlace::kStatic;
    incident.place_module = "/opt/app";
    expect_round_trip(incident);
  }
}

TEST(IncidentJson, WhatIsNoneIsRefused) {
  const std::string line = incident_json_line(sample_incident(), {}, "");
  FramePool pool;
  for (std::size_t size = 0; size + 1 < line.size(); size += 7) {
    EXPECT_FALSE(read_incident_json(std::string_view(line).substr(0, size), pool).has_value()) << size;
  }
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = line;
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, changed.npos) << from;
    changed.replace(at, from.size(), to);
    return read_incident_json(changed, pool).has_value();
  };
  EXPECT_TRUE(with("\"bytes\":16", "\"bytes\":17"));
  EXPECT_FALSE(with("\"bytes\":16", "\"bytes\":\"16\""));
  EXPECT_FALSE(with("\"kind\":\"heap-use", "\"kind\":\"heap-abuse"));
  EXPECT_FALSE(with("\"occasion\":\"signal\"", "\"occasion\":\"never\""));
  EXPECT_FALSE(with(".bcd?", ".bcdx"));
  EXPECT_FALSE(with(".bcd?", ".bcd"));
  EXPECT_FALSE(with("0102ff", "0102xf"));
  EXPECT_FALSE(with("0x340000001010", "340000001010"));
  EXPECT_FALSE(with("\"frames\":[", "\"names\":["));
}

class IncidentReportCommand : public testing::Test {
 protected:
  int report(FindingsBuilder builder) {
    builder.argument("/usr/bin/some app");
    builder.option("log_path=" + (scratch / "log.%e"));
    builder.option("json_path=" + (scratch / "%p.jsonl"));
    const std::vector<std::byte> bytes = builder.build();
    const std::string file =
        scratch.write("findings", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return incident_report(-1, file);
  }
  static FindingsBuilder overflow() {
    FindingsBuilder builder;
    add_with_dump(builder, overflow_of(builder, builder.module("/opt/app", 0x10000, 0x20000, 0x10000)));
    return builder;
  }
  Scratch scratch;
};

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

TEST_F(IncidentReportCommand, AppendsToLogAndJson) {
  EXPECT_EQ(report(overflow()), kReportLeaks);
  EXPECT_EQ(report(overflow()), kReportLeaks);
  const std::string log = Scratch::read(scratch / "log.some app");
  EXPECT_NE(log.find("==4711==ERROR: weir: heap-buffer-overflow: "),
            log.rfind("==4711==ERROR: weir: heap-buffer-overflow: "));
  EXPECT_EQ(lines_in(Scratch::read(scratch / "4711.jsonl")), 2u);
}

TEST_F(IncidentReportCommand, SummaryCanBeLeftOut) {
  FindingsBuilder builder = overflow();
  builder.option("summary=never");
  EXPECT_EQ(report(std::move(builder)), kReportLeaks);
  EXPECT_EQ(Scratch::read(scratch / "log.some app").find("SUMMARY"), std::string::npos);
}

// With mode=guard the leak report of the same process adds its line to the incidents'.
TEST_F(IncidentReportCommand, LeakReportIsOneMoreLine) {
  EXPECT_EQ(report(overflow()), kReportLeaks);
  FindingsBuilder leaks;
  leaks.group(LeakKind::kDirect, 10, 1, {});
  leaks.option("mode=guard");
  leaks.option("log_path=/dev/null");
  leaks.option("json_path=" + (scratch / "%p.jsonl"));
  const std::vector<std::byte> bytes = leaks.build();
  EXPECT_EQ(
      leak_report(-1, scratch.write("leaks", {reinterpret_cast<const char*>(bytes.data()), bytes.size()})),
      kReportLeaks);
  const std::string lines = Scratch::read(scratch / "4711.jsonl");
  EXPECT_EQ(lines_in(lines), 2u);
  const std::size_t second = lines.find('\n') + 1;
  EXPECT_EQ(JsonDocument(lines.substr(0, second)).root()["reason"].string(), "incident");
  EXPECT_EQ(JsonDocument(lines.substr(second)).root()["leaks"].elements().size(), 1U);
}

TEST_F(IncidentReportCommand, EachReportHasItsOwnFindings) {
  testing::internal::CaptureStderr();
  FindingsBuilder leaks;
  EXPECT_EQ(report(std::move(leaks)), kReportFailed);
  const std::vector<std::byte> bytes = overflow().build();
  const std::string file =
      scratch.write("incident", {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  EXPECT_EQ(leak_report(-1, file), kReportFailed);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "weir: cannot read the findings: they are those of a leak check\n"
            "weir: cannot read the findings: they are the guard's, for weir incident-report\n");
}

}  // namespace
}  // namespace weir
