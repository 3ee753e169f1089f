// PageAllocator and the set of pages that it stands on.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "core/page_allocator.hpp"
#include "core/page_set.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

using weir::kPageSize;

struct Pages {
  static constexpr weir::test::Traits kTraits{.max_bytes = std::size_t{4} << 20};
  weir::PageAllocator pages;
  weir::test::CallerProbe<weir::PageAllocator> probed{pages};
  auto& allocator() { return probed; }
  const auto& probe() { return probed; }
};

TEST(Page, ShrinkingUnmapsTheTail) {
  weir::PageAllocator pages;
  auto* const block = static_cast<std::byte*>(pages.allocate({8 * kPageSize}));
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(pages.resize(block, {8 * kPageSize}, 3 * kPageSize + 1));
  EXPECT_EQ(pages.usable_size(block, {3 * kPageSize + 1}), 4 * kPageSize);
  EXPECT_TRUE(pages.owns(block + 4 * kPageSize - 1));
  EXPECT_FALSE(pages.owns(block + 4 * kPageSize));
  // Nobody owns the tail: it can be mapped again by growing into it.
  EXPECT_TRUE(pages.resize(block, {3 * kPageSize + 1}, 8 * kPageSize));
  EXPECT_EQ(block[4 * kPageSize], std::byte{0}) << "pages that were unmapped come back zeroed";
  pages.deallocate(block, {8 * kPageSize});
  EXPECT_FALSE(pages.owns(block));
}

TEST(Page, GrowingDoesNotEnterANeighbour) {
  weir::PageAllocator pages;
  auto* const both = static_cast<std::byte*>(pages.allocate({2 * kPageSize}));
  ASSERT_NE(both, nullptr);
  both[kPageSize] = std::byte{7};
  EXPECT_FALSE(pages.resize(both, {kPageSize}, 2 * kPageSize))
      << "the second page is taken, by a block of its own";
  auto* const moved = static_cast<std::byte*>(pages.remap(both, {kPageSize}, 100 * kPageSize));
  ASSERT_NE(moved, nullptr);
  EXPECT_NE(moved, both);
  EXPECT_FALSE(pages.owns(both));
  EXPECT_TRUE(pages.owns(both + kPageSize));
  EXPECT_TRUE(pages.owns(moved + 100 * kPageSize - 1));
  EXPECT_EQ(both[kPageSize], std::byte{7});
  pages.deallocate(both + kPageSize, {kPageSize});
  pages.deallocate(moved, {100 * kPageSize});
}

TEST(Page, MovesLargeBlocksWithoutTouchingThem) {
  // Sparse: 64 GiB of addresses with two pages in them. Copying would need the memory, and minutes.
  constexpr std::size_t kLarge = std::size_t{64} << 30;
  weir::PageAllocator pages;
  auto* block = static_cast<std::byte*>(pages.allocate({kLarge, std::size_t{4} << 20}));
  if (block == nullptr) GTEST_SKIP() << "no address space for it here";
  block[0] = std::byte{1};
  block[kLarge - 1] = std::byte{2};
  auto* const wall = static_cast<std::byte*>(pages.allocate({kLarge, std::size_t{4} << 20}));
  auto* const moved =
      static_cast<std::byte*>(pages.remap(block, {kLarge, std::size_t{4} << 20}, kLarge + kPageSize));
  ASSERT_NE(moved, nullptr);
  EXPECT_TRUE(weir::is_aligned(weir::address_of(moved), std::size_t{4} << 20));
  EXPECT_EQ(moved[0], std::byte{1});
  EXPECT_EQ(moved[kLarge - 1], std::byte{2});
  EXPECT_TRUE(pages.owns(moved + kLarge));
  pages.deallocate(moved, {kLarge + kPageSize});
  if (wall != nullptr) pages.deallocate(wall, {kLarge});
}

TEST(PageSet, KnowsWholeRangesAndTheirNeighbours) {
  weir::PageSet set;
  const auto at = [](std::size_t page) { return reinterpret_cast<const void*>(page * kPageSize); };
  constexpr std::size_t kGigabyte = (std::size_t{1} << 30) / kPageSize;
  EXPECT_FALSE(set.contains(at(5)));
  for (const std::size_t first :
       {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{100}, kGigabyte - 70}) {
    for (const std::size_t count : {1U, 2U, 63U, 64U, 65U, 300U}) {
      ASSERT_TRUE(set.insert(at(first), count * kPageSize));
      EXPECT_FALSE(set.contains(at(first - 1)));
      for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(set.contains(at(first + i))) << first << "+" << i;
      EXPECT_FALSE(set.contains(at(first + count)));
      set.erase(at(first), count * kPageSize);
      for (std::size_t i = 0; i < count; ++i) ASSERT_FALSE(set.contains(at(first + i))) << first << "+" << i;
    }
  }
  EXPECT_FALSE(set.contains(reinterpret_cast<const void*>(UINTPTR_MAX)));
  EXPECT_FALSE(set.insert(reinterpret_cast<const void*>(std::uintptr_t{1} << 60), kPageSize));
}

TEST(PageSet, AGigabyteIsInsertedWholeAndErasedInParts) {
  constexpr std::size_t kGigabyte = std::size_t{1} << 30;
  weir::PageSet set;
  const auto at = [](std::size_t address) { return reinterpret_cast<const void*>(address); };
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(set.insert(at(kGigabyte - kPageSize), 3 * kGigabyte));
    EXPECT_FALSE(set.contains(at(kGigabyte - kPageSize - 1)));
    for (const std::size_t inside :
         {kGigabyte - kPageSize, kGigabyte, 2 * kGigabyte, 4 * kGigabyte - kPageSize - 1}) {
      EXPECT_TRUE(set.contains(at(inside))) << inside;
    }
    EXPECT_FALSE(set.contains(at(4 * kGigabyte - kPageSize)));
    ASSERT_TRUE(set.erase(at(2 * kGigabyte + 5 * kPageSize), 2 * kGigabyte - 6 * kPageSize));
    EXPECT_TRUE(set.contains(at(2 * kGigabyte - 1)));
    EXPECT_TRUE(set.contains(at(2 * kGigabyte + 5 * kPageSize - 1)));
    EXPECT_FALSE(set.contains(at(2 * kGigabyte + 5 * kPageSize)));
    EXPECT_FALSE(set.contains(at(3 * kGigabyte)));
    ASSERT_TRUE(set.erase(at(kGigabyte - kPageSize), kGigabyte + 6 * kPageSize));
    for (std::size_t i = 0; i < 4 * kGigabyte; i += 512 * kPageSize) ASSERT_FALSE(set.contains(at(i))) << i;
  }
}

}  // namespace

WEIR_CONFORMANCE(Pages, Pages);
WEIR_FUZZ(Pages, Pages);
