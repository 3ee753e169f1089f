// For production: snapshots by interval and by request, Prometheus text, limits that are told of.
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "core/fixed_buffer.hpp"
#include "core/wrap/limiting.hpp"
#include "core/wrap/prometheus.hpp"
#include "core/wrap/snapshotting.hpp"
#include "tests/unit/core/conformance.hpp"

namespace weir::test {
namespace {

class Production : public ::testing::Test {
 protected:
  FixedBufferOf<65536> buffer;
  std::uint64_t time = 1000;
  Clock clock{[](void* t) noexcept { return *static_cast<std::uint64_t*>(t); }, &time};
  std::vector<Snapshot> snapshots;
  SnapshotSink take{[](void* to, const Snapshot& snapshot) noexcept {
                      static_cast<std::vector<Snapshot>*>(to)->push_back(snapshot);
                    },
                    &snapshots};
  std::string text;
  TextSink sink{[](void* to, std::string_view line) noexcept {
                  static_cast<std::string*>(to)->append(line).push_back('\n');
                },
                &text};
};

TEST_F(Production, SnapshotsComeWithTheFirstCallAfterTheInterval) {
  Snapshotting heap(buffer, {.clock = clock, .interval = 500, .ticks_per_second = 1000, .every = 1}, take);
  void* first = heap.allocate({100, 1});
  time += 499;
  heap.allocate({100, 1});
  EXPECT_TRUE(snapshots.empty());
  time += 1;
  heap.deallocate(first, {100, 1});
  ASSERT_EQ(snapshots.size(), 1U);
  EXPECT_FALSE(snapshots[0].requested);
  EXPECT_EQ(snapshots[0].time, 1500U);
  EXPECT_EQ(snapshots[0].counts.live_bytes, 100U);
  EXPECT_EQ(snapshots[0].interval.allocations_per_second(), 4.0);
  time += 10'000;
  EXPECT_FALSE(heap.resize(first, {100, 1}, 1'000'000));
  ASSERT_EQ(snapshots.size(), 2U) << "one, however long it was";
  EXPECT_EQ(snapshots[1].number, 1U);
  EXPECT_EQ(snapshots[1].interval.ticks, 10'000U);
  EXPECT_EQ(snapshots[1].interval.allocations, 0U);
  EXPECT_EQ(snapshots[1].run.allocations, 2U);
  EXPECT_EQ(snapshots[1].counts.refusals, 1U);
  EXPECT_EQ(heap.snapshots(), 2U);
}

TEST_F(Production, TheClockIsAskedSeldom) {
  static int asked = 0;
  Snapshotting heap(buffer,
                    {.clock = {[](void*) noexcept {
                       ++asked;
                       return std::uint64_t{0};
                     }},
                     .interval = 1,
                     .every = 10},
                    take);
  asked = 0;
  for (int i = 0; i < 95; ++i) heap.allocate({1, 1});
  EXPECT_EQ(asked, 9);
}

TEST_F(Production, ASignalMayAskForASnapshot) {
  static Snapshotting<FixedBufferOf<65536>>* asked = nullptr;
  Snapshotting heap(buffer, {.clock = clock}, take);
  asked = &heap;
  const auto before = std::signal(SIGUSR1, [](int) { asked->request(); });
  std::raise(SIGUSR1);
  std::signal(SIGUSR1, before);
  EXPECT_TRUE(snapshots.empty()) << "not in the handler";
  heap.allocate({5, 1});
  heap.allocate({5, 1});
  ASSERT_EQ(snapshots.size(), 1U);
  EXPECT_TRUE(snapshots[0].requested);
  EXPECT_EQ(snapshots[0].counts.live_bytes, 5U);
  time = UINT64_MAX;
  for (int i = 0; i < 1000; ++i) heap.allocate({1, 1});
  EXPECT_EQ(snapshots.size(), 1U) << "no interval was asked for";
  heap.take_snapshot();
  EXPECT_EQ(snapshots.size(), 2U);
}

TEST_F(Production, PrometheusTextHasEachMetricOnceForAll) {
  Counting counting(buffer);
  void* block = counting.allocate({100, 1});
  counting.allocate({20, 1});
  counting.deallocate(block, {100, 1});
  EXPECT_EQ(counting.allocate({100'000, 1}), nullptr);
  const NamedCounts all[] = {{"requests", counting.counts()}, {"the \"other\"\\\n", {}}};
  write_prometheus(all, sink);
  EXPECT_TRUE(
      text.starts_with("# HELP weir_allocations_total Blocks that were allocated.\n"
                       "# TYPE weir_allocations_total counter\n"
                       "weir_allocations_total{allocator=\"requests\"} 2\n"
                       "weir_allocations_total{allocator=\"the \\\"other\\\"\\\\\\n\"} 0\n"
                       "# HELP weir_frees_total"))
      << text;
  for (const char* line :
       {"weir_frees_total{allocator=\"requests\"} 1",
        "weir_allocated_bytes_total{allocator=\"requests\"} 120",
        "weir_freed_bytes_total{allocator=\"requests\"} 100",
        "weir_allocation_failures_total{allocator=\"requests\"} 1",
        "weir_live_blocks{allocator=\"requests\"} 1", "weir_live_bytes{allocator=\"requests\"} 20",
        "weir_peak_bytes{allocator=\"requests\"} 120", "# TYPE weir_peak_bytes gauge"}) {
    EXPECT_NE(text.find(std::string(line) + "\n"), std::string::npos) << line;
  }
}

TEST_F(Production, PrometheusTextOfSizesAndTags) {
  Profiling profiling(buffer);
  for (const std::size_t bytes : {3U, 3U, 100U}) profiling.allocate({bytes, 1});
  write_prometheus_sizes(profiling, "a", sink);
  EXPECT_EQ(text,
            "# HELP weir_allocation_size_bytes Sizes that were asked for.\n"
            "# TYPE weir_allocation_size_bytes histogram\n"
            "weir_allocation_size_bytes_bucket{allocator=\"a\",le=\"3\"} 2\n"
            "weir_allocation_size_bytes_bucket{allocator=\"a\",le=\"127\"} 3\n"
            "weir_allocation_size_bytes_bucket{allocator=\"a\",le=\"+Inf\"} 3\n"
            "weir_allocation_size_bytes_sum{allocator=\"a\"} 106\n"
            "weir_allocation_size_bytes_count{allocator=\"a\"} 3\n");
  Tag parser("parser");
  Tagging tagging(buffer, parser);
  tagging.allocate({50, 8});
  text.clear();
  write_prometheus({&parser}, sink);
  EXPECT_NE(text.find("weir_tag_live_bytes{tag=\"parser\"} 50\n"), std::string::npos) << text;
  EXPECT_NE(text.find("weir_tag_live_blocks{tag=\"parser\"} 1\n"), std::string::npos) << text;
}

TEST_F(Production, ALimitTellsOfWhatItRefuses) {
  std::vector<OverLimit> refused;
  Limiting limiting(buffer, {.live_bytes = 100, .request = 90},
                    {[](void* to, const OverLimit& request) noexcept {
                       static_cast<std::vector<OverLimit>*>(to)->push_back(request);
                     },
                     &refused});
  int caller = 0;
  void* block = limiting.allocate({80, 8}, &caller);
  EXPECT_TRUE(refused.empty());
  EXPECT_EQ(limiting.allocate({30, 16}, &caller), nullptr);
  EXPECT_FALSE(limiting.resize(block, {80, 8}, 95, &caller));
  EXPECT_EQ(limiting.remap(block, {80, 8}, 101, &caller), nullptr);
  ASSERT_EQ(refused.size(), 3U);
  EXPECT_EQ(refused[0].layout, (Layout{30, 16}));
  EXPECT_EQ(refused[0].live_bytes, 80U);
  EXPECT_EQ(refused[0].more, 30U);
  EXPECT_EQ(refused[0].limits.live_bytes, 100U);
  EXPECT_EQ(refused[0].caller, &caller);
  EXPECT_EQ(refused[1].more, 15U);
  EXPECT_EQ(limiting.refused(), 3U);
}

using ProductionDeathTest = Production;
TEST_F(ProductionDeathTest, AHardLimitEndsTheProcess) {
  Limiting limiting(buffer, {.live_bytes = 100}, kStopAtLimit);
  EXPECT_NE(limiting.allocate({100, 1}), nullptr);
  EXPECT_DEATH(limiting.allocate({1, 1}), "");
}

struct SnapshottingBuffer {
  static constexpr Traits kTraits{.max_bytes = std::size_t{64} << 10, .bounded = true, .reuse = Reuse::kNone};
  FixedBufferOf<std::size_t{9} << 20> buffer;
  Snapshotting<decltype(buffer)> snapshotting{buffer, {.every = 3}, {}};
  auto& allocator() { return snapshotting; }
};

}  // namespace
}  // namespace weir::test

using weir::test::SnapshottingBuffer;
WEIR_CONFORMANCE(Snapshotting, SnapshottingBuffer);
