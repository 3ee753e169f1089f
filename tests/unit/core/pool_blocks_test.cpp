// BlockPool and FixedPool: blocks of one size.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <span>
#include <vector>

#include "core/page_allocator.hpp"
#include "core/pool.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"
#include "tests/unit/core/pool_backing.hpp"

using weir::BlockPool;
using weir::BlockPoolOptions;
using weir::FixedPool;
using weir::Layout;
using weir::PageAllocator;
using weir::test::CountedHeap;
using weir::test::Reuse;
using weir::test::Traits;

namespace {

constexpr Layout kBlock{48, 16};

struct PoolOfSmall {
  static constexpr Traits kTraits{.max_alignment = 16, .max_bytes = 48};
  PageAllocator pages;
  BlockPool<PageAllocator> pool{pages, kBlock};
  BlockPool<PageAllocator>& allocator() { return pool; }
  void reset() { pool.reset(); }
  void finish() { EXPECT_EQ(pool.in_use(), 0U); }
};
struct PoolOfPages {
  static constexpr Traits kTraits{.max_alignment = 4096, .max_bytes = 8192};
  CountedHeap heap;
  BlockPool<CountedHeap> pool{heap, {8192, 4096}};
  BlockPool<CountedHeap>& allocator() { return pool; }
  void finish() {
    pool.trim();
    EXPECT_EQ(heap.blocks(), 0U);
  }
};
struct PoolWithLimit {
  static constexpr Traits kTraits{.max_alignment = 64, .max_bytes = 192, .bounded = true};
  CountedHeap heap;
  BlockPool<CountedHeap> pool{heap, {130, 64}, {.limit = 50}};
  BlockPool<CountedHeap>& allocator() { return pool; }
  void reset() { pool.reset(); }
};
struct PoolInStorage {
  static constexpr Traits kTraits{.max_alignment = 32, .max_bytes = 96, .bounded = true};
  alignas(32) std::array<std::byte, 40 * 96> storage;
  FixedPool pool{storage, {96, 32}};
  FixedPool& allocator() { return pool; }
  void reset() { pool.reset(); }
  const void* past_the_end() const { return storage.data() + storage.size(); }
};

std::vector<void*> acquire(auto& pool, std::size_t count) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(pool.acquire());
  return blocks;
}

}  // namespace

WEIR_CONFORMANCE(PoolOfSmall, PoolOfSmall);
WEIR_CONFORMANCE(PoolOfPages, PoolOfPages);
WEIR_CONFORMANCE(PoolWithLimit, PoolWithLimit);
WEIR_CONFORMANCE(PoolInStorage, PoolInStorage);
WEIR_FUZZ(PoolOfSmall, PoolOfSmall);
WEIR_FUZZ(PoolOfPages, PoolOfPages);
WEIR_FUZZ(PoolWithLimit, PoolWithLimit);
WEIR_FUZZ(PoolInStorage, PoolInStorage);

TEST(BlockPool, TakesNoMemoryBeforeItsFirstBlock) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  EXPECT_EQ(heap.calls, 0U);
  EXPECT_FALSE(pool.owns(nullptr));
  EXPECT_NE(pool.acquire(), nullptr);
  EXPECT_EQ(heap.calls, 1U);
}

TEST(BlockPool, AsksTheBackingForItsCaller) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  int caller = 0;
  pool.allocate(kBlock, &caller);
  EXPECT_EQ(heap.last_caller, &caller);
}

TEST(BlockPool, HandsOutInOrderOfAddressAndReusesTheLastReleased) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  const auto blocks = acquire(pool, 20);
  for (std::size_t i = 1; i < blocks.size(); ++i) {
    EXPECT_EQ(static_cast<std::byte*>(blocks[i]) - static_cast<std::byte*>(blocks[i - 1]),
              weir::sanitizer::active() ? 64 : 48);
  }
  pool.release(blocks[3]);
  pool.release(blocks[7]);
  EXPECT_EQ(pool.acquire(), blocks[7]);
  EXPECT_EQ(pool.acquire(), blocks[3]);
}

TEST(BlockPool, GrowsGeometrically) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  acquire(pool, 1'000'000);
  EXPECT_LE(heap.calls, 16U);
  EXPECT_LE(pool.capacity(), 2'000'000U);
}

TEST(BlockPool, SlabsStopGrowingWhereTold) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock, {.first_slab = 1024, .largest_slab = 8192});
  acquire(pool, 10'000);
  EXPECT_GE(heap.calls, 10'000U * 48 / 8192);
  heap.largest = 8192;
  EXPECT_NE(pool.acquire(), nullptr);
}

TEST(BlockPool, LimitIsExact) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock, {.limit = 100});
  const auto blocks = acquire(pool, 100);
  EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).count(nullptr), 0U);
  EXPECT_EQ(pool.acquire(), nullptr);
  EXPECT_EQ(pool.capacity(), 100U);
  EXPECT_FALSE(pool.warm_up(1));
  pool.release(blocks[50]);
  EXPECT_EQ(pool.acquire(), blocks[50]);
}

TEST(BlockPool, TakesWhatTheBackingCanStillGive) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock, {.first_slab = 65536});
  heap.largest = 1000;
  const auto blocks = acquire(pool, 50);
  EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).size(), 50U);
  heap.largest = 0;
  while (pool.acquire() != nullptr) {
  }
  EXPECT_EQ(pool.in_use(), pool.capacity());
}

TEST(BlockPool, WarmUpIsAllThatTheNextBlocksNeed) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  acquire(pool, 10);
  ASSERT_TRUE(pool.warm_up(5000));
  EXPECT_GE(pool.capacity(), 5010U);
  EXPECT_EQ(pool.high_water_mark(), 10U);
  heap.largest = 0;
  const auto blocks = acquire(pool, 5000);
  EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).size(), 5000U);
  EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).count(nullptr), 0U);
}

TEST(BlockPool, KnowsTheMostThatWereInUse) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  for (int round = 0; round < 3; ++round) {
    const auto blocks = acquire(pool, 300);
    EXPECT_EQ(pool.in_use(), 300U);
    for (void* block : blocks) pool.release(block);
    EXPECT_EQ(pool.in_use(), 0U);
    pool.trim();
  }
  acquire(pool, 200);
  EXPECT_EQ(pool.high_water_mark(), 300U);
  pool.reset();
  EXPECT_EQ(pool.high_water_mark(), 300U);
  acquire(pool, 301);
  EXPECT_EQ(pool.high_water_mark(), 301U);
}

TEST(BlockPool, OwnsWhatItHandedOutAndNothingElse) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  BlockPool other(heap, kBlock);
  auto* block = static_cast<std::byte*>(pool.acquire());
  EXPECT_TRUE(pool.owns(block));
  EXPECT_TRUE(pool.owns(block + 47));
  EXPECT_FALSE(pool.owns(block - 1));
  EXPECT_FALSE(pool.owns(block + 48)) << "not handed out yet";
  EXPECT_FALSE(other.owns(block));
  EXPECT_FALSE(pool.owns(other.acquire()));
  for (void* each : acquire(pool, 1000)) EXPECT_TRUE(pool.owns(each));
}

TEST(BlockPool, TrimGivesBackIdleSlabsAndKeepsTheOthers) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  const auto blocks = acquire(pool, 5000);
  const std::size_t slabs = heap.blocks();
  EXPECT_EQ(pool.trim(), 0U);
  EXPECT_EQ(heap.blocks(), slabs);

  const std::size_t before = heap.bytes;
  for (std::size_t i = 1; i < blocks.size(); ++i) pool.release(blocks[i]);  // all but one of the first slab
  const std::size_t given = pool.trim();
  EXPECT_EQ(given, before - heap.bytes);
  EXPECT_GT(given, 0U);
  EXPECT_EQ(heap.blocks(), 1U);
  EXPECT_TRUE(pool.owns(blocks[0]));
  EXPECT_FALSE(pool.owns(blocks.back()));
  EXPECT_EQ(pool.in_use(), 1U);

  const auto again = acquire(pool, 3000);
  const std::set<void*> distinct(again.begin(), again.end());
  EXPECT_EQ(distinct.size(), 3000U);
  EXPECT_FALSE(distinct.contains(blocks[0]));
  for (void* block : again) pool.release(block);
  pool.release(blocks[0]);
  pool.trim();
  EXPECT_EQ(heap.blocks(), 0U);
  EXPECT_EQ(pool.capacity(), 0U);
}

TEST(BlockPool, TrimKeepsTheOrderOfWhatStays) {
  CountedHeap heap;
  BlockPool pool(heap, kBlock);
  const auto blocks = acquire(pool, 30);
  for (const int i : {4, 2, 9}) pool.release(blocks[i]);
  pool.trim();
  EXPECT_EQ(pool.acquire(), blocks[9]);
  EXPECT_EQ(pool.acquire(), blocks[2]);
  EXPECT_EQ(pool.acquire(), blocks[4]);
}

TEST(BlockPool, ABlockThatCannotBeIsRefused) {
  CountedHeap heap;
  BlockPool pool(heap, {SIZE_MAX - 3, 16});
  EXPECT_EQ(pool.acquire(), nullptr);
  EXPECT_FALSE(pool.warm_up(1));
  BlockPool half(heap, {SIZE_MAX / 2 - 100, 16});
  EXPECT_EQ(half.acquire(), nullptr);
}

TEST(FixedPool, HoldsWhatTheStorageHoldsBehindItsAlignment) {
  alignas(64) std::array<std::byte, 640> storage;
  FixedPool whole(storage, {64, 64});
  EXPECT_EQ(whole.capacity(), 10U);
  FixedPool shifted(std::span<std::byte>(storage).subspan(1), {64, 64});
  EXPECT_EQ(shifted.capacity(), 9U);
  EXPECT_EQ(shifted.acquire(), storage.data() + 64);
  FixedPool none(std::span<std::byte>(storage).subspan(1, 40), {64, 64});
  EXPECT_EQ(none.capacity(), 0U);
  EXPECT_EQ(none.acquire(), nullptr);
  EXPECT_FALSE(none.owns(storage.data()));
}

TEST(FixedPool, CountsAndReuses) {
  alignas(16) std::array<std::byte, 160> storage;
  FixedPool pool(storage, {16, 16});
  const auto blocks = acquire(pool, 10);
  EXPECT_EQ(pool.acquire(), nullptr);
  EXPECT_EQ(pool.in_use(), 10U);
  pool.release(blocks[4]);
  EXPECT_EQ(pool.in_use(), 9U);
  EXPECT_EQ(pool.acquire(), blocks[4]);
  EXPECT_EQ(pool.high_water_mark(), 10U);
  pool.reset();
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(pool.acquire(), storage.data());
  EXPECT_EQ(pool.high_water_mark(), 10U);
}
