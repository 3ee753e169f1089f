// Arena: on pages, on a fixed buffer, as the child of another one.
#include <gtest/gtest.h>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "core/arena.hpp"
#include "core/fixed_buffer.hpp"
#include "core/typed.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

using weir::Arena;
using weir::PageAllocator;
using weir::test::kCaller;
using PageProbe = weir::test::CallerProbe<PageAllocator>;

constexpr weir::test::Traits kArenaTraits{.reuse = weir::test::Reuse::kNone};

struct ArenaOnPages {
  static constexpr weir::test::Traits kTraits = kArenaTraits;
  PageAllocator pages;
  PageProbe probed{pages};
  Arena<PageProbe> arena{probed};
  auto& allocator() { return arena; }
  const auto& probe() { return probed; }
  void reset() { EXPECT_TRUE(arena.reset(weir::kRetainCapacity, kCaller)); }
};

struct FreesAll : ArenaOnPages {
  void reset() {
    EXPECT_TRUE(arena.reset(weir::kFreeAll, kCaller));
    EXPECT_EQ(arena.query_capacity(), 0U);
  }
};

struct Limited : ArenaOnPages {
  static constexpr std::size_t kLimit = 100'000;
  void reset() {
    EXPECT_TRUE(arena.reset(weir::retain_with_limit(kLimit), kCaller));
    EXPECT_LE(arena.query_capacity(), kLimit);
  }
};

struct Child {
  static constexpr weir::test::Traits kTraits = kArenaTraits;
  PageAllocator pages;
  Arena<> parent{pages};
  Arena<Arena<>> child{parent, 256};
  auto& allocator() { return child; }
  void reset() {
    child.reset(weir::kFreeAll);
    parent.reset();
  }
};

struct OnBuffer {
  static constexpr weir::test::Traits kTraits{
      .max_bytes = std::size_t{64} << 10, .bounded = true, .reuse = weir::test::Reuse::kNone};
  weir::FixedBufferOf<std::size_t{9} << 20> buffer;
  Arena<decltype(buffer)> arena{buffer, 1024};
  auto& allocator() { return arena; }
  void reset() { EXPECT_TRUE(arena.reset()) << "all chunks of a full buffer become one"; }
};

// Counts what an arena asks of its backing.
class CountedBacking {
 public:
  void* allocate(weir::Layout layout, weir::CallerAddress caller) noexcept {
    if (refuse) return nullptr;
    ++allocations;
    live += layout.bytes;
    return pages_.allocate(layout, caller);
  }
  bool resize(void* block, weir::Layout layout, std::size_t bytes, weir::CallerAddress caller) noexcept {
    const bool done = pages_.resize(block, layout, bytes, caller);
    if (done) live += bytes - layout.bytes;
    return done;
  }
  void* remap(void* /*block*/, weir::Layout /*layout*/, std::size_t /*bytes*/,
              weir::CallerAddress /*caller*/) noexcept {
    return nullptr;
  }
  void deallocate(void* block, weir::Layout layout, weir::CallerAddress caller) noexcept {
    live -= layout.bytes;
    pages_.deallocate(block, layout, caller);
  }
  bool owns(const void* block) const noexcept { return pages_.owns(block); }
  std::size_t usable_size(const void* /*block*/, weir::Layout layout) const noexcept { return layout.bytes; }

  bool refuse = false;
  std::size_t allocations = 0;
  std::size_t live = 0;

 private:
  PageAllocator pages_;
};

// What lies between two blocks when a sanitizer looks on.
std::size_t gap() {
  return weir::sanitizer::active() ? weir::sanitizer::kGap : 0;
}

template <typename A>
void round_of(A& arena) {
  for (std::size_t i = 0; i < 1000; ++i) {
    void* const block = arena.allocate({1 + i * 7 % 900, std::size_t{1} << (i % 7)});
    ASSERT_NE(block, nullptr);
    std::memset(block, 1, 1 + i * 7 % 900);
  }
}

TEST(Arena, ChunksGrowGeometrically) {
  CountedBacking counted;
  Arena<CountedBacking> arena(counted);
  for (int i = 0; i < 1'000'000; ++i) ASSERT_NE(arena.allocate({64}), nullptr);
  EXPECT_LE(counted.allocations, 25U);
  EXPECT_LE(arena.query_capacity(), std::size_t{64} * 1'000'000 * 2);
}

TEST(Arena, ResetThatRetainsLeavesOneChunkForAll) {
  CountedBacking counted;
  Arena<CountedBacking> arena(counted, 1000);
  round_of(arena);
  EXPECT_GT(counted.allocations, 3U);
  const std::size_t capacity = arena.query_capacity();
  ASSERT_TRUE(arena.reset());
  EXPECT_GE(arena.query_capacity(), capacity);
  const std::size_t allocations = counted.allocations;
  for (int i = 0; i < 10; ++i) {
    round_of(arena);
    ASSERT_TRUE(arena.reset());
  }
  EXPECT_EQ(counted.allocations, allocations) << "a round that repeats asks the backing for nothing";
}

TEST(Arena, ResetWithLimitKeepsThatMuch) {
  CountedBacking counted;
  Arena<CountedBacking> arena(counted, 1000);
  round_of(arena);
  ASSERT_TRUE(arena.reset(weir::retain_with_limit(50'000)));
  EXPECT_EQ(arena.query_capacity(), 50'000U);
  ASSERT_TRUE(arena.reset(weir::retain_with_limit(20'000)));  // one chunk that shrinks
  EXPECT_EQ(arena.query_capacity(), 20'000U);
  ASSERT_TRUE(arena.reset(weir::retain_with_limit(1'000'000)));
  EXPECT_EQ(arena.query_capacity(), 20'000U) << "a limit is no wish";
  EXPECT_NE(arena.allocate({20'000, 1}), nullptr);
  ASSERT_TRUE(arena.reset(weir::kFreeAll));
  EXPECT_EQ(arena.query_capacity(), 0U);
  EXPECT_EQ(counted.live, 0U);
}

TEST(Arena, ResetThatFailsLeavesAnEmptyArena) {
  CountedBacking counted;
  Arena<CountedBacking> arena(counted, 1000);
  round_of(arena);
  counted.refuse = true;
  EXPECT_FALSE(arena.reset());
  EXPECT_EQ(arena.query_capacity(), 0U);
  EXPECT_EQ(counted.live, 0U);
  EXPECT_EQ(arena.allocate({1}), nullptr);
  counted.refuse = false;
  round_of(arena);
}

TEST(Arena, TheEndGivesBackEveryChunk) {
  CountedBacking counted;
  {
    Arena<CountedBacking> arena(counted, 1000);
    const auto start = arena.mark();
    round_of(arena);
    arena.rewind(start);  // chunks in use and spares alike
    ASSERT_NE(arena.allocate({5000}), nullptr);
    EXPECT_GT(counted.live, 0U);
  }
  EXPECT_EQ(counted.live, 0U);
}

TEST(Arena, TheLastBlockIsResizedInPlaceAndGivenBack) {
  Arena<> arena;
  void* const first = arena.allocate({100, 1});
  EXPECT_TRUE(arena.resize(first, {100, 1}, 1000));
  EXPECT_TRUE(arena.owns(static_cast<std::byte*>(first) + 999));
  EXPECT_TRUE(arena.resize(first, {1000, 1}, 10));
  EXPECT_FALSE(arena.owns(static_cast<std::byte*>(first) + 10 + gap())) << "not handed out any longer";
  void* const second = arena.allocate({10, 1});
  EXPECT_EQ(second, static_cast<std::byte*>(first) + 10 + gap());
  EXPECT_FALSE(arena.resize(first, {10, 1}, 11));
  arena.deallocate(first, {10, 1});
  EXPECT_TRUE(arena.owns(second));
  arena.deallocate(second, {10, 1});
  EXPECT_EQ(arena.allocate({10, 1}), second);
}

TEST(Arena, OwnsNoGapsAtTheEndOfOlderChunks) {
  Arena<> arena;
  auto* const first = static_cast<std::byte*>(arena.allocate({100, 1}));
  ASSERT_NE(arena.allocate({100'000, 1}), nullptr);
  EXPECT_TRUE(arena.owns(first + 99));
  EXPECT_FALSE(arena.owns(first + 100 + gap()));
  EXPECT_FALSE(arena.owns(first - 1)) << "the chunk's header";
}

TEST(Arena, ScopesNestAndGiveBackWhatTheyTook) {
  CountedBacking counted;
  Arena<CountedBacking> arena(counted, 4096);
  auto* const outside = static_cast<char*>(arena.allocate({6, 1}));
  std::memcpy(outside, "stays", 6);
  void* first_inside = nullptr;
  std::size_t allocations = 0;
  for (int round = 0; round < 5; ++round) {
    const weir::ArenaScope outer(arena);
    void* const inside = arena.allocate({32, 1});
    if (round == 0) first_inside = inside;
    EXPECT_EQ(inside, first_inside);
    for (int i = 0; i < 3; ++i) {
      const weir::ArenaScope inner(arena);
      round_of(arena);
    }
    EXPECT_TRUE(arena.owns(inside));
    if (round == 0) allocations = counted.allocations;
    EXPECT_EQ(counted.allocations, allocations) << "chunks of a scope serve the next one";
  }
  EXPECT_FALSE(arena.owns(first_inside));
  EXPECT_STREQ(outside, "stays");
  EXPECT_TRUE(arena.owns(outside));
}

TEST(Arena, AScopeOnAnEmptyArenaEmptiesIt) {
  Arena<> arena;
  {
    const weir::ArenaScope scope(arena);
    round_of(arena);
  }
  EXPECT_GT(arena.query_capacity(), 0U);
  const std::size_t capacity = arena.query_capacity();
  round_of(arena);
  EXPECT_EQ(arena.query_capacity(), capacity);
}

TEST(Arena, AFullBackingIsUsedToItsEnd) {
  weir::FixedBufferOf<4096> buffer;
  Arena<decltype(buffer)> arena(buffer, 3000);
  ASSERT_NE(arena.allocate({2900, 1}), nullptr);
  ASSERT_NE(arena.allocate({900, 1}), nullptr) << "1.5 times the last chunk is not there, what is needed is";
  EXPECT_EQ(arena.allocate({900, 1}), nullptr);
}

// A tree that is built for a moment, in an arena on the arena of what stays.
struct TreeNode {
  int value;
  std::span<TreeNode> children;

  std::size_t count() const {
    std::size_t sum = 1;
    for (const TreeNode& child : children) sum += child.count();
    return sum;
  }
};

template <weir::Allocator A>
TreeNode tree_of(A& allocator, int value, int depth) {
  if (depth == 0) return {value, {}};
  const std::span<TreeNode> children = weir::allocate_array<TreeNode>(allocator, 3);
  EXPECT_EQ(children.size(), 3U);
  for (int i = 0; i < 3; ++i) new (&children[i]) TreeNode(tree_of(allocator, value * 10 + i, depth - 1));
  return {value, children};
}

TEST(Arena, NestedArenaScopes) {
  CountedBacking counted;
  {
    Arena parent(counted, std::size_t{256} << 10);
    int* const kept = weir::create<int>(parent, 42);
    const auto before = parent.mark();
    {
      Arena child(parent);
      static_assert(std::same_as<decltype(child), Arena<Arena<CountedBacking>>>);
      EXPECT_EQ(tree_of(child, 1, 1).count(), 4U);
      {
        Arena grandchild(child, 256);
        static_assert(std::same_as<decltype(grandchild), Arena<Arena<Arena<CountedBacking>>>>);
        const TreeNode tree = tree_of(grandchild, 1, 4);
        EXPECT_EQ(tree.count(), 121U);
        EXPECT_EQ(tree.children[2].children[1].value, 121);
        EXPECT_TRUE(parent.owns(&tree.children[0])) << "its chunks are the parent's blocks";
      }
    }
    void* const next = parent.allocate({1, 1});
    EXPECT_LT(weir::address_of(next) - weir::address_of(kept), 32U + weir::sanitizer::kGap)
        << "all that it had is the parent's again";
    parent.rewind(before);
    EXPECT_EQ(*kept, 42);
  }
  EXPECT_EQ(counted.live, 0U);
}

TEST(Arena, AChildOfTheParentsTypeIsNoCopy) {
  Arena parent;
  Arena child(parent);
  static_assert(std::same_as<decltype(child), Arena<Arena<>>>);
  static_assert(!std::is_copy_constructible_v<Arena<>> && !std::is_move_constructible_v<Arena<>>);
  ASSERT_NE(child.allocate({100}), nullptr);
  child.reset(weir::kFreeAll);
  EXPECT_EQ(child.query_capacity(), 0U);
}

TEST(Arena, TheParentGrowsBetweenTheChildsChunks) {
  CountedBacking counted;
  Arena parent(counted, 1024);
  {
    Arena child(parent);
    for (int i = 0; i < 200; ++i) {
      auto* const theirs = static_cast<char*>(parent.allocate({1 + i % 100U, 1}));
      auto* const ours = static_cast<char*>(child.allocate({200, 8}));
      ASSERT_TRUE(theirs != nullptr && ours != nullptr);
      std::memset(theirs, 1, 1 + i % 100U);
      std::memset(ours, 2, 200);
      EXPECT_TRUE(child.owns(ours) && !child.owns(theirs));
      if (i % 50 == 49) child.reset();
    }
  }
  ASSERT_TRUE(parent.reset(weir::kFreeAll));
  EXPECT_EQ(counted.live, 0U);
}

}  // namespace

WEIR_CONFORMANCE(Arena, ArenaOnPages);
WEIR_CONFORMANCE(ArenaOnBuffer, OnBuffer);
WEIR_CONFORMANCE(ChildArena, Child);
WEIR_FUZZ(Arena, ArenaOnPages);
WEIR_FUZZ(ArenaFreesAll, FreesAll);
WEIR_FUZZ(ArenaLimited, Limited);
WEIR_FUZZ(ArenaOnBuffer, OnBuffer);
WEIR_FUZZ(ChildArena, Child);
