#include "tools/report/incident_text.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/tools/incident_samples.hpp"
#include "tools/report/incident_words.hpp"

namespace weir {
namespace {

// From findings to the report; without names, so that no file is opened.
struct BuiltIncident {
  explicit BuiltIncident(FindingsBuilder& builder, const Settings& settings = {}) : bytes(builder.build()) {
    std::string error;
    EXPECT_TRUE(findings.open(bytes, error)) << error;
    symboliser.emplace(findings, false);
    incidents = build_incidents(findings, settings, *symboliser);
  }
  std::string text(const IncidentStyle& style = {{}, {}, false, true}) const {
    return incident_text(incidents.at(0), style);
  }
  std::vector<std::byte> bytes;
  Findings findings;
  std::optional<Symboliser> symboliser;
  std::vector<Incident> incidents;
};

std::size_t add_app(FindingsBuilder& builder) {
  return builder.module("/opt/app", 0x10000, 0x20000, 0x10000);
}

TEST(IncidentText, OfAnOverflow) {
  FindingsBuilder builder;
  const std::size_t app = add_app(builder);
  add_with_dump(builder, overflow_of(builder, app));
  EXPECT_EQ(BuiltIncident(builder).text(), R"(
=================================================================
==4711==ERROR: weir: heap-buffer-overflow: 3 byte(s) damaged at offset 13 of a block of 13 byte(s), found by free
in thread T1 'main' (tid 101):
    #0 0x000000011000 (/opt/app+0x1000)

allocated by thread T2 'worker' (tid 102), 1.2 ms before, by malloc:
    #0 0x000000012000 (/opt/app+0x2000)
    #1 0x000000013000 (/opt/app+0x3000)

the block: 13 byte(s) at 0x340000001010
340000001000  -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- --
340000001010 |68 65 6c 6c 6f 2c 20 77 6f 72 6c 64 21[2b 2b 2b] hello, world!+++
340000001020  -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- --
             |the block|  [damaged]  -- intact guard byte

SUMMARY: weir: heap-buffer-overflow in (/opt/app+0x2000)
)");
}

TEST(IncidentText, HasUpToFourStacksAndTheirThreads) {
  FindingsBuilder builder;
  const std::size_t app = add_app(builder);
  FindingsIncident incident = overflow_of(builder, app);
  incident.kind = IncidentKind::kUseAfterFree;
  incident.occasion = IncidentOccasion::kAccess;
  incident.access = IncidentAccess::kRead;
  incident.block_is_freed = 1;
  incident.freed_by = IncidentCall::kDelete;
  incident.generation = 2;
  incident.route = builder.route("strings");
  incident.block_alignment = 64;
  incident.freed = builder.stack({builder.token(app, 0x14001)}, 3, "a\nb", 2'500'000'000);
  incident.freed.flags = kStackCut;
  incident.neighbour_address = 0x34000000f000;
  incident.neighbour_bytes = 24;
  incident.neighbour = builder.stack({}, 4, "");
  builder.incident(incident);
  EXPECT_EQ(BuiltIncident(builder).text({{}, "seen by page", false, true}), R"(
=================================================================
==4711==ERROR: weir: heap-use-after-free: read at offset 13 of a freed block of 13 byte(s)
seen by page
in thread T1 'main' (tid 101):
    #0 0x000000011000 (/opt/app+0x1000)

freed by thread T3 'a\nb' (tid 103), 2.5 s before, by operator delete:
    #0 0x000000014000 (/opt/app+0x4000)
    ... (deeper than malloc_context_size=64)

allocated by thread T2 'worker' (tid 102), 1.2 ms before, 2 fork(s) ago, by malloc, on route 'strings':
    #0 0x000000012000 (/opt/app+0x2000)
    #1 0x000000013000 (/opt/app+0x3000)

the block behind, 24 byte(s) at 0x34000000f000, is the next nearest; it was allocated by thread T4 (tid 104):
    (no stack was recorded)

the freed block: 13 byte(s) at 0x340000001010, aligned to 64

SUMMARY: weir: heap-use-after-free in (/opt/app+0x1000)
)");
}

TEST(IncidentText, LeavesOutWhatIsNotKnown) {
  FindingsBuilder builder;
  FindingsIncident incident = {};
  incident.kind = IncidentKind::kBadFree;
  incident.place = IncidentPlace::kUnmapped;
  incident.call = IncidentCall::kFree;
  incident.address = 0x10;
  builder.incident(incident);
  const BuiltIncident built(builder);
  EXPECT_EQ(built.text(), R"(
=================================================================
==4711==ERROR: weir: bad-free: free of 0x10, which is not mapped
SUMMARY: weir: bad-free
)");
  EXPECT_EQ(built.text({{}, {}, false, false}).find("SUMMARY"), std::string::npos);
}

TEST(IncidentText, SaysHowManyBytesOfARangeDiffer) {
  FindingsBuilder builder;
  FindingsIncident incident = overflow_of(builder, add_app(builder));
  incident.damage_bytes = 8;
  builder.incident(incident);
  EXPECT_NE(BuiltIncident(builder).text().find(
                "\nthe block: 13 byte(s) at 0x340000001010; 3 of the 8 byte(s) from offset 13 on differ\n"),
            std::string::npos);
}

TEST(IncidentText, IsColouredOnlyWhenAsked) {
  FindingsBuilder builder;
  add_with_dump(builder, overflow_of(builder, add_app(builder)));
  const BuiltIncident built(builder);
  EXPECT_EQ(built.text().find('\x1b'), std::string::npos);
  const std::string text = built.text({{}, {}, true, true});
  EXPECT_NE(text.find("\x1b[1;31m==4711==ERROR"), std::string::npos);
  EXPECT_NE(text.find("[\x1b[1;31m2b\x1b[0m \x1b[1;31m2b"), std::string::npos);
}

TEST(IncidentText, StacksBeginWithTheProgramsCall) {
  FindingsBuilder builder;
  const std::size_t app = add_app(builder);
  const std::size_t weir = builder.module("/usr/lib/libweir.so", 0x20000, 0x30000, 0x20000);
  FindingsIncident incident = {};
  incident.kind = IncidentKind::kDoubleFree;
  incident.call = IncidentCall::kFree;
  incident.now = builder.stack({builder.token(weir, 0x21001), builder.token(weir, 0x22001),
                                builder.token(app, 0x11001), builder.token(weir, 0x23001)});
  incident.allocated = builder.stack({builder.token(weir, 0x21001)});
  builder.incident(incident);
  const std::string text = BuiltIncident(builder).text();
  EXPECT_NE(text.find("(tid 101):\n    #0 0x000000011000 (/opt/app+0x1000)\n"
                      "    #1 0x000000023000 (/usr/lib/libweir.so+0x3000)\n\n"),
            std::string::npos)
      << text;
  EXPECT_NE(
      text.find(
          "allocated by thread T1 'main' (tid 101):\n    #0 0x000000021000 (/usr/lib/libweir.so+0x1000)"),
      std::string::npos)
      << text;
}

// Which stack tells who did it.
TEST(IncidentText, SummaryNamesTheTellingStack) {
  FindingsBuilder builder;
  const std::size_t app = add_app(builder);
  FindingsIncident incident = overflow_of(builder, app);
  builder.incident(incident);  // found later: who allocated it
  incident.occasion = IncidentOccasion::kAccess;
  builder.incident(incident);  // found at once
  incident.kind = IncidentKind::kUseAfterFree;
  incident.occasion = IncidentOccasion::kQuarantine;
  incident.block_is_freed = 1;
  incident.freed = builder.stack({builder.token(app, 0x14001)});
  builder.incident(incident);  // found later in a freed block: who freed it
  incident.freed = incident.allocated = {};
  builder.incident(incident);
  const BuiltIncident built(builder);
  EXPECT_EQ(incident_summary(built.incidents[0], {}), "heap-buffer-overflow in (/opt/app+0x2000)");
  EXPECT_EQ(incident_summary(built.incidents[1], {}), "heap-buffer-overflow in (/opt/app+0x1000)");
  EXPECT_EQ(incident_summary(built.incidents[2], {}), "heap-use-after-free in (/opt/app+0x4000)");
  EXPECT_EQ(incident_summary(built.incidents[3], {}), "heap-use-after-free in (/opt/app+0x1000)");
}

TEST(IncidentText, SummaryNamesFunctionFileAndLine) {
  const ModuleName app{.path = "/opt/app"};
  const Frame named{.address = 1, .module = &app, .sources = {{"run()", "/src/app.cpp", 12, 7, false}}};
  const Frame no_line{.address = 1, .offset = 9, .module = &app, .sources = {{.function = "run()"}}};
  Incident incident;
  incident.now.frames = {&named};
  EXPECT_EQ(incident_summary(incident, "/src/"), "heap-buffer-overflow in run() app.cpp:12");
  incident.now.frames = {&no_line};
  EXPECT_EQ(incident_summary(incident, {}), "heap-buffer-overflow in run() (/opt/app+0x9)");
}

TEST(DurationText, IsShort) {
  EXPECT_EQ(duration_text(999), "999 ns");
  EXPECT_EQ(duration_text(200'000), "200 us");
  EXPECT_EQ(duration_text(1'234'000), "1.2 ms");
  EXPECT_EQ(duration_text(1'234'000'000), "1.2 s");
  EXPECT_EQ(duration_text(125'000'000'000), "2 min 5 s");
  EXPECT_EQ(duration_text(7'260'000'000'000), "2 h 1 min");
}

}  // namespace
}  // namespace weir
