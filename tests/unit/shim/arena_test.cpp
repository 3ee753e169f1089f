// Arenas and fixed buffers against a model: whose each byte is, how large each block is, what comes back.
#include "shim/route/arena.hpp"

#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "tests/unit/how_much.hpp"
#include "tests/unit/shim/arena_model.hpp"

namespace weir {
namespace {

using Arena = ArenaTest;
using FixedBuffer = ArenaTest;

std::size_t resident_of(const Chunk* chunk) {
  const std::size_t bytes = span_bytes(chunk);
  std::vector<unsigned char> pages(bytes / kPageSize);
  EXPECT_EQ(mincore(unit_address(unit_of(chunk)), bytes, pages.data()), 0);
  return kPageSize *
         static_cast<std::size_t>(std::ranges::count_if(pages, [](auto page) { return page & 1; }));
}

TEST_F(Arena, CutsBlocksOneBehindTheOther) {
  char* before = static_cast<char*>(allocate(1));
  std::vector<void*> blocks = {before};
  std::size_t bytes = 16;
  for (const std::size_t next : {16u, 17u, 0u, 100u, 4000u, 1u}) {
    char* const block = static_cast<char*>(allocate(next));
    EXPECT_EQ(block, before + bytes);
    bytes = rounded(next);
    before = block;
    blocks.push_back(block);
  }
  for (void* block : blocks) free(block);
}

TEST_F(Arena, AlignsAndTellsSizes) {
  std::mt19937_64 random(1);
  BlockModel model;
  for (std::size_t alignment = 16; alignment <= std::size_t{4} << 20; alignment *= 2) {
    for (const std::size_t bytes : {0u, 1u, 15u, 16u, 17u, 1000u, 9000u, 16384u, 70000u}) {
      ASSERT_NO_FATAL_FAILURE(model.add(allocate(bytes, alignment), bytes, alignment));
    }
  }
  model.check();
  while (!model.empty()) free(model.remove(model.any(random)));
}

TEST_F(Arena, RefusesWhatNobodyHas) {
  for (const std::size_t bytes : {~std::size_t{0}, ~std::size_t{0} - 15, std::size_t{1} << 63, kRouteSpan}) {
    EXPECT_EQ(allocate(bytes), nullptr);
  }
  EXPECT_EQ(allocate(1, std::size_t{1} << 63), nullptr);
  EXPECT_EQ(allocate(1, std::size_t{kRouteSpan}), nullptr);
}

TEST_F(Arena, GivesBackWhatCameLast) {
  std::vector<char*> blocks;
  for (const std::size_t bytes : {100u, 16u, 3000u, 40u, 8u, 200u}) {
    blocks.push_back(static_cast<char*>(allocate(bytes)));
  }
  // All but the first, newest first, and then the same again at the same places.
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = blocks.size(); i-- != 1;) free(blocks[i]);
    std::size_t at = 1;
    for (const std::size_t bytes : {16u, 3000u, 40u, 8u, 200u}) {
      EXPECT_EQ(allocate(bytes), blocks[at++]) << round;
    }
  }
  for (char* block : blocks) free(block);
}

TEST_F(Arena, ResizesTheNewestInPlace) {
  void* const old = allocate(160);
  void* const block = allocate(100);
  Chunk* const chunk = chunk_of(block);
  EXPECT_TRUE(resize_in(lane_, chunk, block, 5000));
  EXPECT_EQ(granted(block), rounded(5000));
  EXPECT_TRUE(resize_in(lane_, chunk, block, 20));
  EXPECT_EQ(granted(block), 32u);
  EXPECT_EQ(allocate(1), static_cast<char*>(block) + 32);
  EXPECT_FALSE(resize_in(lane_, chunk, block, 48));
  EXPECT_FALSE(resize_in(lane_, chunk, old, 161));
  EXPECT_TRUE(resize_in(lane_, chunk, old, 160));
  EXPECT_TRUE(resize_in(lane_, chunk, old, 90));  // more than half of it: stays as it is
  EXPECT_EQ(granted(old), 160u);
  EXPECT_FALSE(resize_in(lane_, chunk, old, 10));
  void* const last = allocate(1);
  EXPECT_FALSE(resize_in(lane_, chunk, last, route_.chunk_bytes));
  EXPECT_FALSE(resize_in(lane_, chunk, last, ~std::size_t{0}));
  for (void* b : {old, block, static_cast<void*>(static_cast<char*>(block) + 32), last}) free(b);
}

TEST_F(Arena, UsesEmptyChunksAgain) {
  std::uint64_t most = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<void*> blocks(2000);
    for (void*& block : blocks) ASSERT_NE(block = allocate(200), nullptr);
    for (void* block : blocks) free(block);
    if (round == 0) most = route_.peak_chunk_use;
  }
  EXPECT_EQ(route_.peak_chunk_use, most);
  EXPECT_LE(route_.chunks, 2u);  // the current, and one to spare
}

TEST_F(Arena, RetainsWhatItMay) {
  route_.retain = 4 * route_.chunk_bytes;
  for (int round = 0; round < 3; ++round) {
    std::vector<void*> blocks(20 * 64);
    for (void*& block : blocks) block = allocate(1024);
    for (void* block : blocks) free(block);
    EXPECT_EQ(route_.chunks, 5u);
    EXPECT_EQ(route_.chunk_use, 5 * route_.chunk_bytes);
  }
}

// One block in ten lives on: what lies between is used, not more and more chunks.
TEST_F(Arena, FillsHoles) {
  std::mt19937_64 random(2);
  BlockModel model;
  for (int rounds = test::times_to_repeat(24, 60); rounds > 0; --rounds) {
    while (model.size() < 4000) ASSERT_NO_FATAL_FAILURE(model.add(allocate(200), 200, 16));
    model.check();
    while (model.size() > 400) free(model.remove(model.any(random)));
  }
  // 4000 blocks are 13 chunks; without the holes there come to be 40.
  EXPECT_LE(route_.peak_chunk_use, 30 * route_.chunk_bytes);
  while (!model.empty()) free(model.remove(model.any(random)));
}

// A block that ends where the hole ends lies next to one that lives.
TEST_F(Arena, LeavesAloneWhatLiesBehindAHole) {
  for (const bool resize : {false, true}) {
    BlockModel model;
    std::vector<void*> blocks(600);
    for (void*& block : blocks) ASSERT_NO_FATAL_FAILURE(model.add(block = allocate(1024), 1024, 16));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i % 8 != 0) free(model.remove(model.find(blocks[i])));
    }
    for (int round = 0; round < 300; ++round) {
      for (const std::size_t bytes : {6 * 1024, 512}) {
        ASSERT_NO_FATAL_FAILURE(model.add(allocate(bytes), bytes, 16));
      }
      void* const last = allocate(512);  // ends where the hole does
      ASSERT_NO_FATAL_FAILURE(model.add(last, 512, 16));
      if (!resize) {
        free(model.remove(model.find(last)));
      } else if (resize_in(lane_, chunk_of(last), last, 100)) {
        ASSERT_NO_FATAL_FAILURE(model.resized(model.find(last)));
      }
      ASSERT_NO_FATAL_FAILURE(model.check()) << round;
      if (round % 50 == 49) {
        for (auto at = model.begin(); at != model.end();) {
          const auto next = std::next(at);
          if (at->second.bytes != 1024) free(model.remove(at));
          at = next;
        }
      }
    }
    while (!model.empty()) free(model.remove(model.begin()));
  }
}

TEST_F(Arena, GivesLargeOnesSpansOfTheirOwn) {
  void* const small = allocate(1000);
  const std::uint64_t before = route_.chunk_use;
  void* const large = allocate(1'000'000);
  EXPECT_EQ(tag_of(unit_of(large)).kind(), kLargeKind);
  EXPECT_EQ(info_of(first_unit_of(unit_of(large))).bytes, 1'000'000u);
  EXPECT_EQ(route_.chunk_use - before, kUnitBytes << order_of_bytes(1'000'000));
  free(large);
  EXPECT_EQ(route_.chunk_use, before);
  free(small);
}

TEST_F(Arena, RefusesAtTheCapacity) {
  route_.capacity = 3 * route_.chunk_bytes;
  std::vector<void*> blocks;
  while (void* block = allocate(1024)) blocks.push_back(block);
  EXPECT_EQ(route_.chunk_use, route_.capacity);
  EXPECT_GT(blocks.size(), 3u * 60);
  EXPECT_EQ(allocate(100'000), nullptr);
  EXPECT_EQ(route_.peak_chunk_use, route_.capacity);
  for (void* block : blocks) free(block);
  EXPECT_NE(blocks[0] = allocate(30'000), nullptr);
  free(blocks[0]);
}

TEST_F(Arena, RandomOnesAgainstAModel) {
  for (unsigned seed = test::times_to_repeat(2, 6); seed > 0; --seed) {
    std::mt19937_64 random(seed);
    BlockModel model;
    void* newest = nullptr;
    for (int step = 0; step < 30'000; ++step) {
      const bool grow = random() % 16 < (step / 5000 % 2 == 0 ? 12 : 4);
      const auto kind = random() % 100;
      if (kind < 10 && newest != nullptr && tag_of(unit_of(newest)).kind() == kChunkKind) {
        const auto at = random() % 2 == 0 ? model.find(newest) : model.any(random);
        if (tag_of(unit_of(at->first)).kind() != kChunkKind) continue;
        const std::size_t bytes = random() % 2 == 0 ? random() % 2000 : at->second.bytes + random() % 64;
        if (resize_in(lane_, chunk_of(at->first), at->first, bytes)) {
          ASSERT_GE(granted(at->first), bytes);
          ASSERT_NO_FATAL_FAILURE(model.resized(at));
        }
      } else if (grow || model.empty()) {
        const std::size_t most = kind < 80 ? 300 : kind < 98 ? 6000 : 50'000;
        const std::size_t bytes = kind < 40 ? 64 * (random() % 8) : random() % most;
        const std::size_t alignment = kind % 9 == 0 ? std::size_t{16} << random() % 9 : 16;
        ASSERT_NO_FATAL_FAILURE(model.add(newest = allocate(bytes, alignment), bytes, alignment)) << step;
      } else {
        const auto at = newest != nullptr && kind % 4 == 0 ? model.find(newest) : model.any(random);
        if (at->first == newest) newest = nullptr;
        free(model.remove(at));
      }
      if (step % 500 == 0) {
        ASSERT_NO_FATAL_FAILURE(model.check()) << "seed " << seed << " step " << step;
      }
      if (step % 7000 == 6999 && seed % 2 == 0) {  // its thread ends, and another takes over what has room
        abandon_lane(lane_);
        newest = nullptr;
      }
    }
    while (!model.empty()) free(model.remove(model.any(random)));
    abandon_lane(lane_);
    EXPECT_EQ(route_.chunks, 0u) << seed;
  }
}

TEST_F(Arena, LetsOrphansEndWithTheirLastBlock) {
  std::vector<void*> blocks(500);
  for (void*& block : blocks) block = allocate(1000);
  abandon_lane(lane_);
  EXPECT_GE(route_.chunks, 7u);
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

TEST_F(Arena, FindsWhatOthersFreed) {
  for (int round = 0; round < 50; ++round) {
    std::vector<void*> blocks(1000);
    for (void*& block : blocks) block = allocate(1000);
    std::thread([&] {
      Lane other{};
      other.route = &route_;
      for (void* block : blocks) free_block(other, block);
    }).join();
  }
  EXPECT_LE(route_.peak_chunk_use, 36 * route_.chunk_bytes);
}

TEST_F(Arena, GivesTheSystemBackWhatAnIdleThreadHas) {
  std::vector<void*> blocks(130);
  for (void*& block : blocks) std::memset(block = allocate(1000), 1, 1000);
  const Chunk* const chunk = chunk_of(blocks[0]);
  EXPECT_EQ(resident_of(chunk), route_.chunk_bytes);
  for (void* block : blocks) free_remotely(chunk_of(block), block);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  look_for_idle_chunks();
  EXPECT_LE(resident_of(chunk), 2 * kPageSize);  // its header
  for (void*& block : blocks) std::memset(block = allocate(1000), 1, 1000);
  for (void* block : blocks) free(block);
}

TEST_F(FixedBuffer, HoldsItsCapacityAndNoMore) {
  for (const std::size_t capacity : {16u, 1024u, 16384u, 16u * 1000}) {
    make_fixed(capacity);
    std::vector<char*> blocks;
    while (char* block = static_cast<char*>(allocate(16))) blocks.push_back(block);
    ASSERT_EQ(blocks.size(), capacity / 16);
    for (std::size_t i = 0; i < blocks.size(); ++i) ASSERT_EQ(blocks[i], blocks[0] + i * 16);
    EXPECT_EQ(tag_of(unit_of(blocks[0])).kind(), kFixedKind);
    EXPECT_EQ(allocate(1), nullptr);
    EXPECT_EQ(route_.chunks, 1u);
    // Room at the end comes back newest first; elsewhere only when all is free.
    for (std::size_t i = 0; i < 10 && i < blocks.size(); ++i) free(blocks[blocks.size() - 1 - i]);
    for (std::size_t i = std::min<std::size_t>(10, blocks.size()); i-- != 0;) {
      ASSERT_EQ(allocate(16), blocks[blocks.size() - 1 - i]);
    }
    EXPECT_EQ(allocate(1), nullptr);
    for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
      free(blocks[i]);
      ASSERT_EQ(allocate(16), nullptr);
    }
    free(blocks.back());
    void* const all = allocate(capacity);
    EXPECT_EQ(all, blocks[0]);
    EXPECT_EQ(granted(all), capacity);
    EXPECT_EQ(allocate(1), nullptr);
    free(all);
    EXPECT_EQ(allocate(capacity + 1), nullptr);
    abandon_lane(lane_);
    EXPECT_EQ(route_.chunks, 0u);
  }
}

TEST_F(FixedBuffer, BeginsAnewWhenOthersFreedTheRest) {
  make_fixed(4096);
  std::vector<void*> blocks(4);
  for (void*& block : blocks) block = allocate(1024);
  for (void* block : blocks) free_remotely(chunk_of(block), block);
  EXPECT_EQ(allocate(4096), blocks[0]);
  free(blocks[0]);
}

TEST_F(FixedBuffer, AlignsWithin) {
  make_fixed(std::size_t{64} << 10);
  BlockModel model;
  for (std::size_t alignment = 16; alignment <= 4096; alignment *= 2) {
    ASSERT_NO_FATAL_FAILURE(model.add(allocate(50, alignment), 50, alignment));
  }
  EXPECT_EQ(allocate(1, std::size_t{1} << 20), nullptr);
  model.check();
  while (!model.empty()) free(model.remove(model.begin()));
}

TEST_F(FixedBuffer, NotesHowFullItWas) {
  make_fixed(10'000);
  note_use(lane_);
  EXPECT_EQ(route_.peak_used, 0u);
  void* const a = allocate(1000);
  void* const b = allocate(2000);
  note_use(lane_);
  EXPECT_EQ(route_.peak_used, rounded(1000) + rounded(2000));
  free(b);
  free(a);
  note_use(lane_);
  EXPECT_EQ(route_.peak_used, rounded(1000) + rounded(2000));
}

TEST_F(FixedBuffer, RandomOnesAgainstAModel) {
  make_fixed(20'000);
  std::mt19937_64 random(4);
  BlockModel model;
  std::size_t refused = 0, emptied = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 16 < (step / 300 % 2 == 0 ? 11 : 2)) {
      const std::size_t bytes = random() % 700;
      void* const block = allocate(bytes);
      refused += block == nullptr;
      if (block == nullptr) continue;
      ASSERT_NO_FATAL_FAILURE(model.add(block, bytes, 16));
    } else if (!model.empty()) {
      free(model.remove(random() % 2 == 0 ? std::prev(model.end()) : model.any(random)));
      emptied += model.empty();
    }
    ASSERT_LE(route_.chunks, 1u);
  }
  EXPECT_GT(refused, 100u);
  EXPECT_GT(emptied, 10u);
  while (!model.empty()) free(model.remove(model.begin()));
}

}  // namespace
}  // namespace weir
