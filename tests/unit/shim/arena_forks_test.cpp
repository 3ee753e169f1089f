// Lanes as a fork's child finds those of threads that are not in it: stopped in the middle of cutting a
// block, resizing one or taking one back.
#include <iterator>
#include <random>

#include "tests/unit/shim/arena_model.hpp"

namespace weir {
namespace {

using CutOffArena = ArenaTest;
using CutOffBuffer = ArenaTest;

// Between which stores its thread stopped.
enum class Stopped { kCutting, kCuttingAligned, kCuttingAtFirst, kGrowing, kShrinking, kTakingBack };
constexpr Stopped kStopped[] = {Stopped::kCutting, Stopped::kCuttingAligned, Stopped::kCuttingAtFirst,
                                Stopped::kGrowing, Stopped::kShrinking,      Stopped::kTakingBack};

void stop_in_the_middle(Lane& lane, Stopped stopped) {
  const std::size_t room = static_cast<std::size_t>(lane.end - lane.at);
  if (lane.current == nullptr || room < 1024) return;
  char* newest;
  switch (stopped) {
    case Stopped::kCutting:
      return set_start(lane.current, lane.at + 512);
    case Stopped::kCuttingAligned:
      set_start(lane.current, lane.at + 48);
      return set_start(lane.current, lane.at + 560);
    case Stopped::kCuttingAtFirst:
      lane.at += 512;
      return;
    case Stopped::kGrowing:
      newest = static_cast<char*>(allocate_in(lane, 64));
      clear_start(lane.current, lane.at);
      set_start(lane.current, newest + 512);
      return free_remotely(lane.current, newest);
    case Stopped::kShrinking:
      newest = static_cast<char*>(allocate_in(lane, 512));
      clear_start(lane.current, lane.at);
      set_start(lane.current, newest + 64);
      return free_remotely(lane.current, newest);
    case Stopped::kTakingBack:
      newest = static_cast<char*>(allocate_in(lane, 512));
      free_in(lane, lane.current, newest);
      return set_start(lane.current, newest + 512);
  }
}

TEST_F(CutOffArena, IsTakenOver) {
  for (const Stopped stopped : kStopped) {
    SCOPED_TRACE(static_cast<int>(stopped));
    BlockModel model;
    void* const old = allocate(1000);
    ASSERT_NO_FATAL_FAILURE(model.add(old, 1000, 16));
    stop_in_the_middle(lane_, stopped);
    EXPECT_TRUE(abandon_cut_off_lane(lane_));
    for (const std::size_t bytes : {3000u, 16u, 5000u}) {
      void* const block = allocate(bytes);
      EXPECT_EQ(chunk_of(block), chunk_of(old));
      ASSERT_NO_FATAL_FAILURE(model.add(block, bytes, 16));
    }
    model.check();
    while (!model.empty()) free(model.remove(model.begin()));
  }
}

TEST_F(CutOffBuffer, IsTakenOver) {
  make_fixed(100'000);
  for (const Stopped stopped : kStopped) {
    SCOPED_TRACE(static_cast<int>(stopped));
    BlockModel model;
    ASSERT_NO_FATAL_FAILURE(model.add(allocate(1000), 1000, 16));
    stop_in_the_middle(lane_, stopped);
    EXPECT_TRUE(abandon_cut_off_lane(lane_));
    ASSERT_NO_FATAL_FAILURE(model.add(allocate(50'000), 50'000, 16));
    EXPECT_EQ(route_.chunks, 1u);
    model.check();
    while (!model.empty()) free(model.remove(model.begin()));
  }
}

// What was being changed is nobody's: it is not taken over.
TEST_F(CutOffArena, IsLostInTheMiddleOfAChange) {
  void* const old = allocate(1000);
  lane_.busy = true;
  EXPECT_FALSE(abandon_cut_off_lane(lane_));
  lane_.route = &route_;
  void* const block = allocate(1000);
  EXPECT_NE(chunk_of(block), chunk_of(old));
  EXPECT_EQ(granted(old), 1008u);
  free(block);
  release(chunk_of(old));
}

// In chunks with holes, too.
TEST_F(CutOffArena, RandomOnesAgainstAModel) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    std::mt19937_64 random(seed);
    BlockModel model;
    for (int step = 0; step < 20'000; ++step) {
      if (model.empty() || random() % 16 < (step / 4000 % 2 == 0 ? 12 : 4)) {
        const std::size_t bytes = random() % (random() % 8 == 0 ? 6000 : 300);
        ASSERT_NO_FATAL_FAILURE(model.add(allocate(bytes), bytes, 16)) << "seed " << seed << " step " << step;
      } else {
        free(model.remove(model.any(random)));
      }
      if (random() % 500 != 0) continue;
      stop_in_the_middle(lane_, kStopped[random() % std::size(kStopped)]);
      ASSERT_TRUE(abandon_cut_off_lane(lane_));
      ASSERT_NO_FATAL_FAILURE(model.check()) << "seed " << seed << " step " << step;
    }
    while (!model.empty()) free(model.remove(model.any(random)));
    abandon_lane(lane_);
    EXPECT_EQ(route_.chunks, 0u) << seed;
  }
}

}  // namespace
}  // namespace weir
