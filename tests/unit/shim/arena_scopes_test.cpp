// Scopes of an arena against a model: what lives on, what ends, and who is told of it.
#include <algorithm>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/shim/arena_model.hpp"

namespace weir {
namespace {

using Scopes = ArenaTest;

std::vector<std::pair<char*, char*>> ended;

// Collects what ends in `ended`, which begins empty.
void collect_ends() {
  ended.clear();
  blocks_end = [](char* start, char* end) noexcept { ended.emplace_back(start, end); };
}
bool has_ended(const void* block) {
  return std::ranges::any_of(
      ended, [block](const auto& range) { return range.first <= block && block < range.second; });
}

TEST_F(Scopes, EndWhatWasAllocatedInThem) {
  collect_ends();
  void* const outside = allocate(100);
  fill(outside, 100, 1);
  const std::uint64_t before = route_.chunk_use;
  Chunk* const scope = enter_scope(lane_);
  ASSERT_NE(scope, nullptr);
  std::vector<void*> blocks;
  for (int i = 0; i < 300; ++i) blocks.push_back(allocate(1000));
  blocks.push_back(allocate(200'000));
  blocks.push_back(allocate(100'000, 65536));
  EXPECT_TRUE(ended.empty());
  EXPECT_TRUE(leave_scope(lane_, scope));
  for (const void* block : blocks) EXPECT_TRUE(has_ended(block));
  EXPECT_FALSE(has_ended(outside));
  EXPECT_TRUE(is_filled(outside, 100, 1));
  EXPECT_LE(route_.chunk_use, before + route_.chunk_bytes);  // one to spare
  // It goes on where it was.
  void* const next = allocate(100);
  EXPECT_EQ(next, static_cast<char*>(outside) + 112);
  free(outside);
  free(next);
}

TEST_F(Scopes, AreSilentWhereAllBlocksWereFreed) {
  collect_ends();
  Chunk* const scope = enter_scope(lane_);
  std::vector<void*> blocks(200);
  for (void*& block : blocks) block = allocate(1000);
  for (void* block : blocks) free(block);
  free(allocate(100'000));
  EXPECT_TRUE(leave_scope(lane_, scope));
  EXPECT_TRUE(ended.empty());
}

TEST_F(Scopes, OuterOnesEndTheInner) {
  collect_ends();
  Chunk* const outer = enter_scope(lane_);
  void* const in_outer = allocate(100);
  Chunk* const inner = enter_scope(lane_);
  void* const in_inner = allocate(100);
  Chunk* const innermost = enter_scope(lane_);
  void* const large = allocate(100'000);
  EXPECT_TRUE(leave_scope(lane_, outer));
  for (const void* block : {in_outer, in_inner, large}) EXPECT_TRUE(has_ended(block));
  for (Chunk* scope : {outer, inner, innermost}) {
    EXPECT_FALSE(leave_scope(lane_, scope));
    EXPECT_FALSE(reset_scope(lane_, scope));
  }
  EXPECT_EQ(lane_.scopes, 0u);
  free(allocate(100));
}

TEST_F(Scopes, InnerOnesLeaveTheOuterAlone) {
  collect_ends();
  Chunk* const outer = enter_scope(lane_);
  void* const block = allocate(100);
  void* const large = allocate(100'000);
  Chunk* const inner = enter_scope(lane_);
  void* const in_inner = allocate(100'000);
  EXPECT_TRUE(leave_scope(lane_, inner));
  EXPECT_TRUE(has_ended(in_inner));
  EXPECT_FALSE(has_ended(block));
  EXPECT_FALSE(has_ended(large));
  EXPECT_EQ(tag_of(unit_of(large)).kind(), kLargeKind);
  EXPECT_TRUE(leave_scope(lane_, outer));
  EXPECT_TRUE(has_ended(block));
  EXPECT_TRUE(has_ended(large));
}

TEST_F(Scopes, ResetEndsTheBlocksAndKeepsTheScope) {
  collect_ends();
  Chunk* const scope = enter_scope(lane_);
  void* const first = allocate(500);
  const std::uint64_t chunks = route_.chunks;
  for (int round = 0; round < 50; ++round) {
    ended.clear();
    Chunk* const inner = enter_scope(lane_);
    void* const in_inner = allocate(10);
    void* const large = allocate(100'000);
    void* const block = round == 0 ? first : allocate(500);
    EXPECT_TRUE(reset_scope(lane_, scope));
    for (const void* b : {in_inner, large}) EXPECT_TRUE(has_ended(b)) << round;
    EXPECT_TRUE(has_ended(block)) << round;
    EXPECT_FALSE(reset_scope(lane_, inner));
    EXPECT_EQ(allocate(500), first) << round;
    EXPECT_LE(route_.chunks, chunks + 1);
  }
  EXPECT_TRUE(leave_scope(lane_, scope));
}

TEST_F(Scopes, KnowTheirOwn) {
  Lane other{};
  other.route = &route_;
  Chunk* const scope = enter_scope(lane_);
  EXPECT_FALSE(leave_scope(other, scope));
  EXPECT_FALSE(reset_scope(other, scope));
  EXPECT_FALSE(leave_scope(lane_, nullptr));
  EXPECT_TRUE(leave_scope(lane_, scope));
}

TEST_F(Scopes, FixedBuffersHaveNone) {
  make_fixed(1000);
  EXPECT_EQ(enter_scope(lane_), nullptr);
}

TEST_F(Scopes, NeedMemory) {
  route_.capacity = route_.chunk_bytes;
  void* const block = allocate(100);
  EXPECT_EQ(enter_scope(lane_), nullptr);
  EXPECT_EQ(lane_.scopes, 0u);
  free(block);
}

TEST_F(Scopes, OuterBlocksCanBeFreedWithin) {
  std::vector<void*> outside(300);
  for (void*& block : outside) block = allocate(1000);
  Chunk* const scope = enter_scope(lane_);
  BlockModel model;
  for (void* block : outside) {
    free(block);
    ASSERT_NO_FATAL_FAILURE(model.add(allocate(900), 900, 16));
  }
  model.check();
  EXPECT_TRUE(leave_scope(lane_, scope));
  EXPECT_LE(route_.chunks, 2u);
}

TEST_F(Scopes, OfAThreadThatEndsLiveOn) {
  std::vector<void*> blocks(100);
  void* large = nullptr;
  std::thread([&] {
    Lane other{};
    other.route = &route_;
    blocks[0] = allocate_in(other, 1000);
    enter_scope(other);
    for (std::size_t i = 1; i < blocks.size(); ++i) blocks[i] = allocate_in(other, 1000);
    large = allocate_in(other, 100'000);
    abandon_lane(other);
  }).join();
  for (void* block : blocks) fill(block, 1000, 5);
  for (void* block : blocks) EXPECT_TRUE(is_filled(block, 1000, 5));
  for (void* block : blocks) free(block);
  free(large);
  EXPECT_EQ(route_.chunks, 0u);
}

TEST_F(Scopes, RandomOnesAgainstAModel) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    std::mt19937_64 random(seed);
    collect_ends();
    BlockModel model;
    std::vector<Chunk*> scopes;
    for (int step = 0; step < 20'000; ++step) {
      const auto depth = static_cast<unsigned>(scopes.size());
      const auto what = random() % 1000;
      if (what < 8 && depth < 5) {
        scopes.push_back(enter_scope(lane_));
        ASSERT_NE(scopes.back(), nullptr);
      } else if (what < 16 && depth != 0) {
        // One of them, and so the inner ones: what the model says ends must be told, and nothing else.
        const auto from = static_cast<unsigned>(random() % depth);
        ended.clear();
        ASSERT_TRUE(what % 2 == 0 ? leave_scope(lane_, scopes[from]) : reset_scope(lane_, scopes[from]));
        scopes.resize(what % 2 == 0 ? from : from + 1);
        for (const auto& [block, info] : model) ASSERT_EQ(has_ended(block), info.depth > from);
        model.end_scopes(from + 1);
        model.check();
      } else if (what < 600 || model.empty()) {
        const std::size_t bytes = what % 50 == 0 ? random() % 60'000 : random() % 800;
        ASSERT_NO_FATAL_FAILURE(model.add(allocate(bytes), bytes, 16, depth)) << step;
      } else {
        free(model.remove(model.any(random)));
      }
      ASSERT_EQ(lane_.scopes, scopes.size());
    }
    while (!model.empty()) free(model.remove(model.any(random)));
    abandon_lane(lane_);
    EXPECT_EQ(route_.chunks, 0u) << seed;
  }
}

}  // namespace
}  // namespace weir
