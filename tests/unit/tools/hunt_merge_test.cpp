#include "tools/hunt/merge.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <deque>

#include "tools/hunt/report.hpp"
#include "tools/json/json.hpp"
#include "tools/report/incident_text.hpp"

namespace weir {
namespace {

const ModuleName kHuntedApp{.path = "/opt/app"};

// Frames at other addresses each time, as in another run, but at the same offset.
const Frame* frame_at(std::uint64_t offset, const ModuleName& module = kHuntedApp) {
  static std::deque<Frame> frames;
  const std::uint64_t address = 0x10000 * (frames.size() + 1) + offset;
  return &frames.emplace_back(Frame{address, offset, &module, {{.function = fmt::format("f{}", offset)}}});
}

Incident found_by(IncidentOccasion occasion, std::uint64_t found_at, std::uint64_t allocated_at) {
  Incident incident;
  incident.facts.kind = IncidentKind::kOverflow;
  incident.facts.occasion = occasion;
  incident.facts.block_address = 0x1000;
  incident.facts.block_bytes = 16;
  incident.facts.damage_offset = 16;
  incident.facts.damage_bytes = incident.facts.damaged_count = 4;
  incident.now.frames = {frame_at(found_at)};
  incident.allocated.frames = {frame_at(allocated_at)};
  return incident;
}

Incident written_to(std::int64_t offset, std::uint64_t found_at, std::uint64_t allocated_at) {
  Incident incident = found_by(IncidentOccasion::kAccess, found_at, allocated_at);
  incident.facts.access = IncidentAccess::kWrite;
  incident.facts.damage_bytes = incident.facts.damaged_count = 0;
  incident.facts.address = incident.facts.block_address + static_cast<std::uint64_t>(offset);
  return incident;
}

std::vector<std::pair<std::size_t, std::uint64_t>> seen(const Bug& bug) {
  std::vector<std::pair<std::size_t, std::uint64_t>> pairs;
  for (const SeenBy& by : bug.seen) pairs.emplace_back(by.layout, by.times);
  return pairs;
}
using MergedPairs = std::vector<std::pair<std::size_t, std::uint64_t>>;

TEST(MergeSightings, TheSameStacksAreOneBug) {
  const Sighting sightings[] = {{2, found_by(IncidentOccasion::kFree, 1, 2)},
                                {0, found_by(IncidentOccasion::kFree, 1, 2)},
                                {2, found_by(IncidentOccasion::kFree, 1, 2)}};
  const std::vector<Bug> bugs = merge_sightings(sightings);
  ASSERT_EQ(bugs.size(), 1u);
  EXPECT_EQ(seen(bugs[0]), (MergedPairs{{0, 1}, {2, 2}}));
}

TEST(MergeSightings, OtherKindsAndStacksAreOtherBugs) {
  Incident underflow = found_by(IncidentOccasion::kFree, 1, 2);
  underflow.facts.kind = IncidentKind::kUnderflow;
  static const ModuleName kOther{.path = "/opt/other"};
  Incident elsewhere = found_by(IncidentOccasion::kFree, 1, 2);
  elsewhere.allocated.frames = {frame_at(2, kOther)};
  Incident deeper = found_by(IncidentOccasion::kFree, 1, 2);
  deeper.now.frames.push_back(frame_at(9));
  const Sighting sightings[] = {{0, found_by(IncidentOccasion::kFree, 1, 2)},
                                {0, found_by(IncidentOccasion::kFree, 3, 2)},
                                {0, found_by(IncidentOccasion::kFree, 1, 3)},
                                {0, underflow},
                                {0, elsewhere},
                                {0, deeper}};
  EXPECT_EQ(merge_sightings(sightings).size(), 6u);
}

TEST(MergeSightings, ChecksThatHappenToFindItHaveNoPlace) {
  const Sighting sightings[] = {{0, found_by(IncidentOccasion::kExit, 1, 2)},
                                {1, found_by(IncidentOccasion::kPeriodic, 5, 2)},
                                {2, found_by(IncidentOccasion::kSignal, 6, 2)}};
  EXPECT_EQ(merge_sightings(sightings).size(), 1u);
}

TEST(MergeSightings, OfAFreedBlockTheFreeTells) {
  Incident one = found_by(IncidentOccasion::kQuarantine, 1, 2);
  Incident other = found_by(IncidentOccasion::kExit, 7, 2);
  one.facts.kind = other.facts.kind = IncidentKind::kUseAfterFree;
  one.freed.frames = {frame_at(4)};
  other.freed.frames = {frame_at(4)};
  const Sighting same[] = {{0, one}, {1, other}};
  EXPECT_EQ(merge_sightings(same).size(), 1u);
  other.freed.frames = {frame_at(5)};
  const Sighting apart[] = {{0, one}, {1, other}};
  EXPECT_EQ(merge_sightings(apart).size(), 2u);
}

TEST(MergeSightings, DamageGoesToTheWriteThatDidIt) {
  const Sighting sightings[] = {{0, found_by(IncidentOccasion::kFree, 1, 2)}, {1, written_to(17, 8, 2)}};
  const std::vector<Bug> bugs = merge_sightings(sightings);
  ASSERT_EQ(bugs.size(), 1u);
  EXPECT_EQ(bugs[0].incident.facts.occasion, IncidentOccasion::kAccess);
  EXPECT_EQ(seen(bugs[0]), (MergedPairs{{0, 1}, {1, 1}}));
}

TEST(MergeSightings, DamageStaysApartFromWhatDidNotDoIt) {
  const auto bugs_with = [](const Incident& access) {
    const Sighting sightings[] = {{0, found_by(IncidentOccasion::kFree, 1, 2)}, {1, access}};
    return merge_sightings(sightings).size();
  };
  EXPECT_EQ(bugs_with(written_to(16, 8, 2)), 1u);
  EXPECT_EQ(bugs_with(written_to(20, 8, 2)), 2u);  // behind the damage
  EXPECT_EQ(bugs_with(written_to(15, 8, 2)), 2u);
  EXPECT_EQ(bugs_with(written_to(17, 8, 3)), 2u);  // into another's block
  Incident read = written_to(17, 8, 2);
  read.facts.access = IncidentAccess::kRead;
  EXPECT_EQ(bugs_with(read), 2u);
  Incident freed = written_to(17, 8, 2);
  freed.facts.kind = IncidentKind::kUseAfterFree;
  EXPECT_EQ(bugs_with(freed), 2u);
}

TEST(MergeSightings, SortsByKindAndPlace) {
  Incident double_free = found_by(IncidentOccasion::kCall, 1, 2);
  double_free.facts.kind = IncidentKind::kDoubleFree;
  const Sighting sightings[] = {{0, double_free}, {0, written_to(16, 8, 2)}, {0, written_to(16, 4, 2)}};
  const std::vector<Bug> bugs = merge_sightings(sightings);
  ASSERT_EQ(bugs.size(), 3u);
  EXPECT_EQ(incident_summary(bugs[0].incident, {}), "heap-buffer-overflow in f4 (/opt/app+0x4)");
  EXPECT_EQ(incident_summary(bugs[1].incident, {}), "heap-buffer-overflow in f8 (/opt/app+0x8)");
  EXPECT_EQ(incident_summary(bugs[2].incident, {}), "double-free in f1 (/opt/app+0x1)");
}

HuntReport report_of_two() {
  HuntReport report;
  report.command = {"./app", "arg"};
  RunEnd whole;
  whole.time = std::chrono::milliseconds(120);
  RunEnd killed;
  killed.wait_status = 11;
  report.runs = {{layouts()[0], whole, 2}, {layouts()[1], killed, 3}};
  const Sighting sightings[] = {
      {0, found_by(IncidentOccasion::kFree, 1, 2)}, {1, written_to(17, 8, 2)}, {1, written_to(17, 8, 2)}};
  report.bugs = merge_sightings(sightings);
  return report;
}

TEST(HuntReport, EndsWithTheRunsAndTheBugs) {
  const std::string text = hunt_text(report_of_two(), false);
  EXPECT_TRUE(text.ends_with(R"(
=================================================================
weir: hunt: ./app arg
  layout       reports       time   ended
  canary             2     0.12 s   status 0
  page               3     0.00 s   SIGSEGV
   1. heap-buffer-overflow in f8 (/opt/app+0x8)
      seen by: canary, page (2 times)
SUMMARY: weir: 1 error(s) found in 2 run(s), not all of which came to their end
)")) << text;
  EXPECT_NE(text.find("==0==ERROR: weir: heap-buffer-overflow: write at offset 17 of a block of 16 byte(s)\n"
                      "seen by: canary, page (2 times)\n"),
            std::string::npos)
      << text;
}

TEST(HuntReport, IsJsonToo) {
  const JsonDocument document(hunt_json(report_of_two()));
  const JsonView json = document.root();
  EXPECT_EQ(json["reason"].string(), "hunt");
  EXPECT_EQ(json["runs"].elements()[1]["ended"].string(), "SIGSEGV");
  EXPECT_FALSE(json["runs"].elements()[1]["whole"].flag());
  EXPECT_NE(hunt_json(report_of_two()).find("\"seconds\":0.12,"), std::string::npos);
  ASSERT_EQ(json["errors"].elements().size(), 1U);
  EXPECT_EQ(json["errors"].elements()[0]["access"].string(), "write");
  EXPECT_NE(hunt_json(report_of_two())
                .find(R"("seen":[{"layout":"canary","times":1},{"layout":"page","times":2}])"),
            std::string::npos);
}

}  // namespace
}  // namespace weir
