// Chunks whose thread is gone: they end with their last block, or another lane takes over what room they have.
#include <vector>

#include "shim/route/arena.hpp"
#include "tests/unit/shim/arena_model.hpp"

namespace weir {
namespace {

using Arena = ArenaTest;
using FixedBuffer = ArenaTest;

TEST_F(Arena, LetsOrphansEndWithTheirLastBlock) {
  std::vector<void*> blocks(500);
  for (void*& block : blocks) block = allocate(1000);
  abandon_lane(lane_);
  const std::uint64_t chunks = route_.chunks;
  EXPECT_GE(chunks, 7u);
  EXPECT_EQ(chunk_of(blocks[0])->lane, nullptr);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_EQ(route_.chunks != 0, i < blocks.size());
    free(blocks[i]);
  }
  EXPECT_EQ(route_.chunks, 0u);
}

TEST_F(Arena, AdoptsAnOrphanWithRoom) {
  void* const old = allocate(1000);
  fill(old, 1000, 1);
  abandon_lane(lane_);
  void* const block = allocate(100);
  EXPECT_EQ(chunk_of(block), chunk_of(old));
  EXPECT_EQ(chunk_of(old)->lane, &lane_);
  EXPECT_EQ(block, static_cast<char*>(old) + 1008);
  EXPECT_TRUE(is_filled(old, 1000, 1));
  free(old);
  EXPECT_EQ(route_.chunks, 1u);
  free(block);
}

TEST_F(Arena, IsTakenOverWhereAForkCutItOff) {
  for (const Stopped stopped : kStopped) {
    SCOPED_TRACE(static_cast<int>(stopped));
    BlockModel model;
    void* const old = allocate(1000);
    ASSERT_NO_FATAL_FAILURE(model.add(old, 1000, 16));
    stop_in_the_middle(lane_, stopped);
    abandon_cut_off_lane(lane_);
    for (const std::size_t bytes : {3000u, 16u, 5000u}) {
      void* const block = allocate(bytes);
      EXPECT_EQ(chunk_of(block), chunk_of(old));
      ASSERT_NO_FATAL_FAILURE(model.add(block, bytes, 16));
    }
    model.check();
    while (!model.empty()) free(model.remove(model.begin()));
  }
}

TEST_F(FixedBuffer, IsTakenOverWhereAForkCutItOff) {
  make_fixed(100'000);
  for (const Stopped stopped : kStopped) {
    SCOPED_TRACE(static_cast<int>(stopped));
    BlockModel model;
    ASSERT_NO_FATAL_FAILURE(model.add(allocate(1000), 1000, 16));
    stop_in_the_middle(lane_, stopped);
    abandon_cut_off_lane(lane_);
    ASSERT_NO_FATAL_FAILURE(model.add(allocate(50'000), 50'000, 16));
    EXPECT_EQ(route_.chunks, 1u);
    model.check();
    while (!model.empty()) free(model.remove(model.begin()));
  }
}

// What was being changed is nobody's: it is not taken over.
TEST_F(Arena, IsLostWhereAForkCutOffAChange) {
  void* const old = allocate(1000);
  lane_.busy = true;
  abandon_cut_off_lane(lane_);
  lane_.route = &route_;
  void* const block = allocate(1000);
  EXPECT_NE(chunk_of(block), chunk_of(old));
  EXPECT_EQ(granted(old), 1008u);
  free(block);
  release(chunk_of(old));
}

// Blocks were cut behind where the chunk's last block then ends:
// a search for holes must not take them for one.
TEST_F(Arena, KeepsBlocksOfAdoptedChunksApart) {
  BlockModel model;
  std::vector<void*> filling(200);
  void* const below = allocate(1000);
  ASSERT_NO_FATAL_FAILURE(model.add(below, 1000, 16));
  void* const last = allocate(4000);
  EXPECT_TRUE(leave_scope(lane_, enter_scope(lane_)));
  free(allocate(16));
  free(last);
  abandon_lane(lane_);
  void* const above = allocate(1000);
  ASSERT_EQ(chunk_of(above), chunk_of(below));
  ASSERT_NO_FATAL_FAILURE(model.add(above, 1000, 16));
  for (void*& block : filling) block = allocate(1000);
  for (void* block : filling) free(block);
  for (void*& block : filling) ASSERT_NO_FATAL_FAILURE(model.add(block = allocate(1000), 1000, 16));
  model.check();
  while (!model.empty()) free(model.remove(model.begin()));
}

}  // namespace
}  // namespace weir
