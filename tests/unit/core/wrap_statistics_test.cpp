// What the wrappers that count by something tell: Profiling by size, Tagging by subsystem, Sampling by bytes.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/fixed_buffer.hpp"
#include "core/wrap/failing.hpp"
#include "core/wrap/profiling.hpp"
#include "core/wrap/sampling.hpp"
#include "core/wrap/tagging.hpp"

namespace weir {
namespace {

class Statistics : public ::testing::Test {
 protected:
  FixedBufferOf<65536> buffer;
  std::vector<std::string> lines;
  TextSink sink{[](void* to, std::string_view line) noexcept {
                  static_cast<std::vector<std::string>*>(to)->emplace_back(line);
                },
                &lines};

  template <typename A>
  static std::vector<ProfileRow> rows(const A& profiling) {
    std::vector<ProfileRow> all;
    profiling.for_each_row([&all](const ProfileRow& row) { all.push_back(row); });
    return all;
  }
};

TEST_F(Statistics, ProfilingGroupsByPowersOfTwo) {
  Profiling profiling(buffer);
  for (const std::size_t bytes : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 1000U, 1023U, 1024U}) {
    ASSERT_NE(profiling.allocate({bytes, 1}), nullptr);
  }
  const auto all = rows(profiling);
  const std::vector<std::vector<std::size_t>> expected = {
      // least, most, allocations, bytes
      {0, 0, 1, 0},  {1, 1, 1, 1},         {2, 3, 2, 5},          {4, 7, 2, 11},
      {8, 15, 1, 8}, {512, 1023, 2, 2023}, {1024, 2047, 1, 1024},
  };
  ASSERT_EQ(all.size(), expected.size());
  for (std::size_t i = 0; i != all.size(); ++i) {
    EXPECT_EQ((std::vector{all[i].least, all[i].most, all[i].allocations, all[i].bytes}), expected[i]);
    EXPECT_EQ(all[i].live_blocks, all[i].allocations);
    EXPECT_EQ(all[i].live_bytes, all[i].bytes);
  }
}

TEST_F(Statistics, ProfilingKeepsExactSizesApartAndMovesBlocks) {
  Profiling profiling(buffer, {.exact = true});
  void* a = profiling.allocate({100, 1});
  void* b = profiling.allocate({101, 1});
  EXPECT_TRUE(profiling.resize(b, {101, 1}, 50));
  a = profiling.remap(a, {100, 1}, 200);
  const auto all = rows(profiling);
  ASSERT_EQ(all.size(), 4U);
  const std::vector<std::vector<std::size_t>> expected = {
      {50, 0, 1, 50}, {100, 1, 0, 0}, {101, 1, 0, 0}, {200, 0, 1, 200}};
  for (std::size_t i = 0; i != all.size(); ++i) {
    EXPECT_EQ((std::vector{all[i].least, all[i].allocations, all[i].live_blocks, all[i].live_bytes}),
              expected[i]);
  }
  profiling.deallocate(a, {200, 1});
  EXPECT_EQ(rows(profiling)[3].live_blocks, 0U);
}

TEST_F(Statistics, ProfilingMeasuresLifetimes) {
  std::uint64_t time = 0;
  const Clock clock{[](void* t) noexcept { return *static_cast<std::uint64_t*>(t); }, &time};
  Profiling profiling(buffer, {.clock = clock});
  void* a = profiling.allocate({16, 1});
  time = 10;
  void* b = profiling.allocate({17, 1});
  time = 30;
  a = profiling.remap(a, {16, 1}, 24);  // it moves, and is as old as before
  time = 50;
  profiling.deallocate(a, {24, 1});
  profiling.deallocate(b, {17, 1});
  const auto all = rows(profiling);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].ended, 2U);
  EXPECT_EQ(all[0].lifetime, 50U + 40);
  profiling.print(sink);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1], "         16-31            2            33             0             0             45");
  EXPECT_EQ(lines[1].size(), lines[0].size());
}

TEST_F(Statistics, ProfilingHasAHistogramOfLifetimes) {
  std::uint64_t time = 100;
  const Clock clock{[](void* t) noexcept { return *static_cast<std::uint64_t*>(t); }, &time};
  Profiling profiling(buffer, {.clock = clock});
  const auto live_for = [&](std::uint64_t ticks, std::size_t bytes) {
    void* block = profiling.allocate({bytes, 1});
    time += ticks;
    profiling.deallocate(block, {bytes, 1});
  };
  live_for(0, 10);
  for (const std::uint64_t ticks : {4U, 5U, 7U}) live_for(ticks, 20);
  live_for(8, 30);
  live_for(std::uint64_t{1} << 63, 40);
  profiling.allocate({50, 1});  // lives on
  std::vector<std::vector<std::uint64_t>> all;
  profiling.for_each_lifetime([&](const LifetimeRow& row) {
    all.push_back({row.least, row.most, row.blocks, row.bytes});
  });
  EXPECT_EQ(all,
            (std::vector<std::vector<std::uint64_t>>{
                {0, 0, 1, 10}, {4, 7, 3, 60}, {8, 15, 1, 30}, {std::uint64_t{1} << 63, UINT64_MAX, 1, 40}}));
  profiling.print_lifetimes(sink);
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[2], std::string(37, ' ') + "4-7             3            60");
  for (const std::string& line : lines) EXPECT_EQ(line.size(), lines[0].size());
}

TEST_F(Statistics, ProfilingKnowsTheRateOfTheRunAndOfTheInterval) {
  std::uint64_t time = 5'000;
  const Clock clock{[](void* t) noexcept { return *static_cast<std::uint64_t*>(t); }, &time};
  Profiling profiling(buffer, {.clock = clock, .ticks_per_second = 1000});
  EXPECT_EQ(profiling.rate().allocations_per_second(), 0) << "no time has passed";
  void* first = profiling.allocate({100, 1});
  void* second = profiling.allocate({300, 1});
  time += 2000;
  EXPECT_EQ(profiling.rate().allocations_per_second(), 1.0);
  EXPECT_EQ(profiling.rate_of_interval().bytes_per_second(), 200.0);
  profiling.deallocate(first, {100, 1});
  EXPECT_TRUE(profiling.resize(second, {300, 1}, 200));
  time += 500;
  const Rate interval = profiling.rate_of_interval();
  EXPECT_EQ(interval.ticks, 500U);
  EXPECT_EQ(interval.seconds(), 0.5);
  EXPECT_EQ(interval.allocations_per_second(), 0);
  EXPECT_EQ(interval.frees_per_second(), 2.0);
  EXPECT_EQ(interval.freed_bytes_per_second(), 400.0);
  EXPECT_EQ(profiling.rate().bytes_per_second(), 160.0);
  EXPECT_EQ(profiling.usage().live_bytes, 200U);
  profiling.print_rates(sink);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1], "since start                 0               0             160");
  EXPECT_EQ(lines[2], "interval                    0               0               0") << "it has just ended";
  EXPECT_EQ(lines[1].size(), lines[0].size());
  time = 0;
  EXPECT_EQ(profiling.rate_of_interval().ticks, 0U) << "set back";
}

TEST_F(Statistics, ProfilingGoesOnWithoutMemory) {
  Failing none(page_allocator, {.after = 0});
  Profiling profiling(buffer, none, {.clock = {[](void*) noexcept { return std::uint64_t{1}; }}});
  void* a = profiling.allocate({16, 1});
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(profiling.unrecorded(), 2U);
  profiling.deallocate(a, {16, 1});
  EXPECT_EQ(buffer.end_index(), 0U);
}

TEST_F(Statistics, TaggingCountsToTheInnermostScope) {
  Tag other{"other"};
  Tag parser{"parser"};
  Tag cache{"cache"};
  Tagging tagging(buffer, other);
  void* a = tagging.allocate({100, 8});
  void* b = nullptr;
  void* c = nullptr;
  {
    const TagScope outer(parser);
    b = tagging.allocate({200, 8});
    {
      const TagScope inner(cache);
      c = tagging.allocate({300, 8});
      tagging.deallocate(b, {200, 8});  // in another scope: it is still the parser's
    }
    b = tagging.allocate({50, 8});
  }
  EXPECT_EQ(&tagging.tag_of(a), &other);
  EXPECT_EQ(&tagging.tag_of(b), &parser);
  EXPECT_EQ(&tagging.tag_of(c), &cache);
  EXPECT_EQ(other.live_bytes(), 100U);
  EXPECT_EQ(parser.live_bytes(), 50U);
  EXPECT_EQ(parser.live_blocks(), 1U);
  EXPECT_EQ(parser.peak_bytes(), 200U);
  EXPECT_EQ(parser.total_bytes(), 250U);
  EXPECT_EQ(cache.live_bytes(), 300U);

  c = tagging.remap(c, {300, 8}, 400);
  EXPECT_EQ(cache.live_bytes(), 400U);
  EXPECT_EQ(cache.total_bytes(), 400U);
  EXPECT_TRUE(tagging.resize(c, {400, 8}, 10));
  EXPECT_EQ(cache.live_bytes(), 10U);
  EXPECT_EQ(cache.peak_bytes(), 400U);

  print_tags({&parser, &cache}, sink);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "live blocks   live bytes   peak bytes  total bytes  tag");
  EXPECT_EQ(lines[1], "          1           50          200          250  parser");
}

TEST_F(Statistics, TaggingByInstance) {
  Tag images{"images"};
  Tag sounds{"sounds"};
  Tagging for_images(buffer, images);
  Tagging for_sounds(buffer, sounds);
  void* a = for_images.allocate({100, 8});
  void* b = for_sounds.allocate({10, 8});
  for_sounds.deallocate(b, {10, 8});
  for_sounds.deallocate(a, {100, 8});
  EXPECT_EQ(images.live_bytes(), 0U);
  EXPECT_EQ(images.live_blocks(), 0U);
  EXPECT_EQ(sounds.live_bytes(), 0U);
  EXPECT_EQ(sounds.total_bytes(), 10U);
}

TEST_F(Statistics, ScopesBelongToTheirThread) {
  Tag other{"other"};
  Tag mine{"mine"};
  Tagging tagging(page_allocator, other);
  const TagScope scope(mine);
  std::thread([&tagging] { tagging.deallocate(tagging.allocate({7, 1}), {7, 1}); }).join();
  EXPECT_EQ(other.total_bytes(), 7U);
  EXPECT_EQ(mine.total_bytes(), 0U);
}

struct Samples {
  std::size_t count = 0;
  std::set<CallerAddress> callers;
};

TEST_F(Statistics, SamplingTellsAsOftenAsItSays) {
  Samples seen;
  const OperationSink each{[](void* to, const Operation& operation) noexcept {
                             auto& samples = *static_cast<Samples*>(to);
                             ++samples.count;
                             samples.callers.insert(operation.caller);
                           },
                           &seen};
  Sampling sampling(buffer, 1000, each);
  const int caller = 0;
  for (int i = 0; i != 100000; ++i) {
    void* block = sampling.allocate({64, 8}, &caller);
    ASSERT_NE(block, nullptr);
    sampling.deallocate(block, {64, 8});
  }
  // What is left of a block behind the point of the sample is not counted: half a block on average.
  EXPECT_NEAR(static_cast<double>(seen.count), 6400000 / 1032.0, 400);
  EXPECT_EQ(sampling.samples(), seen.count);
  EXPECT_EQ(seen.callers, (std::set<CallerAddress>{&caller}));
}

// A program that repeats itself every 1000 bytes: each of its places has its turn.
TEST_F(Statistics, SamplingFollowsNoRhythm) {
  Samples seen;
  const OperationSink each{[](void* to, const Operation& operation) noexcept {
                             static_cast<Samples*>(to)->callers.insert(operation.caller);
                           },
                           &seen};
  Sampling sampling(buffer, 1000, each);
  const char places[10] = {};
  for (int i = 0; i != 20000; ++i) {
    void* block = sampling.allocate({100, 4}, &places[i % 10]);
    sampling.deallocate(block, {100, 4});
  }
  EXPECT_EQ(seen.callers.size(), 10U);
}

}  // namespace
}  // namespace weir
