// Fallback, SizeSegregated, StackFallback, and stacks of them.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

#include "core/any_allocator.hpp"
#include "core/arena.hpp"
#include "core/fallback.hpp"
#include "core/fixed_buffer.hpp"
#include "core/page_allocator.hpp"
#include "core/size_segregated.hpp"
#include "core/stack_fallback.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

using weir::PageAllocator;
using PageProbe = weir::test::CallerProbe<PageAllocator>;
using Buffer = weir::FixedBufferOf<std::size_t{64} << 10>;
using weir::test::Reuse;

struct BufferThenPages {
  static constexpr weir::test::Traits kTraits{};
  Buffer buffer;
  PageAllocator pages;
  PageProbe probed{pages};
  weir::Fallback<Buffer, PageProbe> fallback{buffer, probed};
  auto& allocator() { return fallback; }
  const auto& probe() { return probed; }
};

struct BufferThenBuffer {
  static constexpr weir::test::Traits kTraits{
      .max_bytes = std::size_t{16} << 10, .bounded = true, .reuse = Reuse::kLastInFirstOut};
  Buffer first;
  weir::FixedBufferOf<std::size_t{9} << 20> second;
  weir::Fallback<Buffer, decltype(second)> fallback{first, second};
  auto& allocator() { return fallback; }
};

struct SmallInArena {
  static constexpr weir::test::Traits kTraits{};
  PageAllocator pages;
  PageProbe probed{pages};
  weir::Arena<PageProbe> arena{probed};
  weir::SizeSegregated<1000, weir::Arena<PageProbe>, PageProbe> segregated{arena, probed};
  auto& allocator() { return segregated; }
  const auto& probe() { return probed; }
};

struct Stack {
  static constexpr weir::test::Traits kTraits{};
  PageAllocator pages;
  PageProbe probed{pages};
  weir::StackFallback<10'000, PageProbe> both{probed};
  auto& allocator() { return both; }
  const auto& probe() { return probed; }
};

// buffer, else by size: small ones from an arena on the stack-backed allocator, large ones from pages
struct Deep {
  static constexpr weir::test::Traits kTraits{};
  PageAllocator pages;
  PageProbe probed{pages};
  weir::StackFallback<5000, PageProbe> stack{probed};
  weir::Arena<decltype(stack)> arena{stack, 1000};
  weir::SizeSegregated<512, decltype(arena), PageProbe> segregated{arena, probed};
  weir::AnyAllocator any{segregated};
  Buffer buffer;
  weir::Fallback<Buffer, weir::AnyAllocator> fallback{buffer, any};
  auto& allocator() { return fallback; }
  const auto& probe() { return probed; }
};

TEST(Fallback, RemapMovesBetweenTheTwo) {
  weir::FixedBufferOf<100> first;
  weir::FixedBufferOf<200> second;
  weir::Fallback<decltype(first), decltype(second)> both(first, second);
  auto* block = static_cast<char*>(both.allocate({6, 1}));
  ASSERT_TRUE(first.owns(block));
  std::memcpy(block, "moves", 6);
  EXPECT_FALSE(both.resize(block, {6, 1}, 150)) << "resize does not move";
  block = static_cast<char*>(both.remap(block, {6, 1}, 150));
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(second.owns(block));
  EXPECT_EQ(first.end_index(), 0U);
  EXPECT_STREQ(block, "moves");
  EXPECT_EQ(both.remap(block, {150, 1}, 201), nullptr);
  void* const filler = both.allocate({100, 1});
  EXPECT_TRUE(first.owns(filler));
  both.deallocate(filler, {100, 1});
  void* const small = both.allocate({60, 1});
  void* const rest = second.allocate({50, 1});  // the block in the second cannot grow there any more
  EXPECT_EQ(both.remap(block, {150, 1}, 160), nullptr);
  both.deallocate(small, {60, 1});
  EXPECT_TRUE(both.resize(block, {150, 1}, 80));
  block = static_cast<char*>(both.remap(block, {80, 1}, 90));
  ASSERT_NE(block, nullptr);
  EXPECT_TRUE(first.owns(block)) << "and back, where there is room";
  EXPECT_STREQ(block, "moves");
  second.deallocate(rest, {50, 1});
}

TEST(SizeSegregated, TheThresholdIsSmall) {
  weir::FixedBufferOf<1000> small;
  weir::FixedBufferOf<1000> large;
  weir::SizeSegregated<16, decltype(small), decltype(large)> by_size(small, large);
  void* const sixteen = by_size.allocate({16, 1});
  void* const seventeen = by_size.allocate({17, 1});
  EXPECT_TRUE(small.owns(sixteen));
  EXPECT_TRUE(large.owns(seventeen));
  EXPECT_FALSE(by_size.resize(sixteen, {16, 1}, 17));
  EXPECT_FALSE(by_size.resize(seventeen, {17, 1}, 16));
  EXPECT_TRUE(by_size.resize(seventeen, {17, 1}, 18));
  void* const moved = by_size.remap(seventeen, {18, 1}, 16);
  EXPECT_TRUE(small.owns(moved));
  EXPECT_EQ(large.end_index(), 0U);
}

TEST(StackFallback, TheHeapGetsWhatTheObjectCannotHold) {
  PageAllocator pages;
  PageProbe heap(pages);
  weir::StackFallback<256, PageProbe> scratch(heap);
  void* const inside = scratch.allocate({256, 1});
  EXPECT_GE(weir::address_of(inside), weir::address_of(&scratch));
  EXPECT_LT(weir::address_of(inside), weir::address_of(&scratch + 1));
  EXPECT_EQ(heap.calls(), 0U);
  void* const outside = scratch.allocate({1, 1});
  EXPECT_EQ(heap.calls(), 1U);
  EXPECT_TRUE(pages.owns(outside));
  scratch.deallocate(outside, {1, 1});
  EXPECT_EQ(heap.calls(), 2U);
  EXPECT_EQ(scratch.stack().peak(), 256U);
}

}  // namespace

WEIR_CONFORMANCE(BufferThenPages, BufferThenPages);
WEIR_CONFORMANCE(BufferThenBuffer, BufferThenBuffer);
WEIR_CONFORMANCE(SizeSegregated, SmallInArena);
WEIR_CONFORMANCE(StackFallback, Stack);
WEIR_CONFORMANCE(DeepStack, Deep);
WEIR_FUZZ(BufferThenPages, BufferThenPages);
WEIR_FUZZ(BufferThenBuffer, BufferThenBuffer);
WEIR_FUZZ(SizeSegregated, SmallInArena);
WEIR_FUZZ(StackFallback, Stack);
WEIR_FUZZ(DeepStack, Deep);
