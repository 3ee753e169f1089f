// TieredPool: the classes, and what moves between them.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/page_allocator.hpp"
#include "core/tiered_pool.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"
#include "tests/unit/core/pool_backing.hpp"

using weir::Layout;
using weir::PageAllocator;
using weir::SizeClasses;
using weir::TieredPool;
using weir::test::CallerProbe;
using weir::test::CountedHeap;
using weir::test::Traits;

namespace {

struct TieredOverPages {
  static constexpr Traits kTraits{};
  PageAllocator pages;
  TieredPool<PageAllocator> pool{pages};
  TieredPool<PageAllocator>& allocator() { return pool; }
};
struct TieredOverHeap {
  static constexpr Traits kTraits{.max_alignment = 65536, .max_bytes = 100000};
  CountedHeap heap;
  CallerProbe<CountedHeap> below{heap};
  TieredPool<CallerProbe<CountedHeap>, 1024> pool{below};
  TieredPool<CallerProbe<CountedHeap>, 1024>& allocator() { return pool; }
  const CallerProbe<CountedHeap>& probe() const { return below; }
  void finish() {
    pool.trim();
    EXPECT_EQ(heap.blocks(), 0U);
  }
};

}  // namespace

WEIR_CONFORMANCE(TieredOverPages, TieredOverPages);
WEIR_CONFORMANCE(TieredOverHeap, TieredOverHeap);
WEIR_FUZZ(TieredOverPages, TieredOverPages);
WEIR_FUZZ(TieredOverHeap, TieredOverHeap);

TEST(SizeClasses, EachSizeTakesTheSmallestClassThatHoldsIt) {
  for (std::size_t bytes = 0; bytes <= 70000; ++bytes) {
    const std::size_t of = SizeClasses::of(bytes);
    ASSERT_GE(SizeClasses::bytes_of(of), bytes);
    if (of != 0) {
      ASSERT_LT(SizeClasses::bytes_of(of - 1), bytes);
    }
    if (bytes > 128) {
      ASSERT_LE(SizeClasses::bytes_of(of) - bytes, bytes / 4);
    }
  }
  for (std::size_t i = 0; i + 1 < 60; ++i) ASSERT_LT(SizeClasses::bytes_of(i), SizeClasses::bytes_of(i + 1));
}

TEST(SizeClasses, EachAlignmentTakesAClassThatHasIt) {
  for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    for (std::size_t bytes = 0; bytes <= 9000; ++bytes) {
      const std::size_t of = SizeClasses::of(Layout{bytes, alignment});
      ASSERT_GE(SizeClasses::bytes_of(of), bytes);
      ASSERT_EQ(SizeClasses::bytes_of(of) % alignment, 0U);
      ASSERT_GE(SizeClasses::alignment_of(of), alignment);
    }
  }
}

TEST(TieredPool, SmallOnesShareASlabAndLargeOnesGoBelow) {
  CountedHeap heap;
  TieredPool<CountedHeap, 1024> pool(heap);
  EXPECT_EQ(heap.calls, 0U);
  void* small = pool.allocate({100, 16}, nullptr);
  void* same = pool.allocate({112, 8}, nullptr);
  EXPECT_EQ(heap.calls, 1U);
  EXPECT_EQ(weir::address_of(same) - weir::address_of(small), weir::sanitizer::active() ? 128U : 112U);
  EXPECT_EQ(pool.usable_size(small, {100, 16}), 112U);
  EXPECT_EQ(pool.tier(pool.tier_of({100, 16})).in_use(), 2U);
  void* large = pool.allocate({1025, 16}, nullptr);
  EXPECT_EQ(heap.calls, 2U);
  EXPECT_TRUE(pool.owns(large));
  EXPECT_FALSE(pool.owns(static_cast<std::byte*>(same) + 112)) << "of a slab, and not handed out";
  pool.deallocate(large, {1025, 16}, nullptr);
  EXPECT_FALSE(pool.owns(large));
  EXPECT_EQ(heap.blocks(), 1U);
}

TEST(TieredPool, ResizesWithinAClassAndMovesBetweenThem) {
  CountedHeap heap;
  TieredPool<CountedHeap> pool(heap);
  void* block = pool.allocate({130, 16}, nullptr);
  std::memset(block, 'q', 130);
  EXPECT_TRUE(pool.resize(block, {130, 16}, 160, nullptr));
  EXPECT_FALSE(pool.resize(block, {160, 16}, 161, nullptr));
  EXPECT_FALSE(pool.resize(block, {160, 16}, 128, nullptr));
  EXPECT_EQ(pool.remap(block, {160, 16}, 140, nullptr), block);
  auto* moved = static_cast<char*>(pool.remap(block, {140, 16}, 40000, nullptr));
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(std::string(moved, 130), std::string(130, 'q'));
  EXPECT_EQ(pool.tier(pool.tier_of({140, 16})).in_use(), 0U);
  auto* back = static_cast<char*>(pool.remap(moved, {40000, 16}, 20, nullptr));
  EXPECT_EQ(std::string(back, 20), std::string(20, 'q'));
  heap.largest = 0;
  EXPECT_EQ(pool.remap(back, {20, 16}, 3000, nullptr), nullptr);
  EXPECT_EQ(std::string(back, 20), std::string(20, 'q'));
  pool.deallocate(back, {20, 16}, nullptr);
}

TEST(TieredPool, WarmsUpAndTrims) {
  CountedHeap heap;
  TieredPool<CountedHeap> pool(heap);
  ASSERT_TRUE(pool.warm_up({200, 16}, 1000));
  EXPECT_FALSE(pool.warm_up({1 << 20, 16}, 1));
  const std::size_t calls = heap.calls;
  std::vector<void*> blocks;
  for (int i = 0; i < 1000; ++i) blocks.push_back(pool.allocate({193, 16}, nullptr));
  EXPECT_EQ(heap.calls, calls);
  for (void* block : blocks) pool.deallocate(block, {193, 16}, nullptr);
  EXPECT_GE(pool.trim(), 200U * 1000);
  EXPECT_EQ(heap.blocks(), 0U);
}
