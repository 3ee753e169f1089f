// AnyAllocator, and objects on any allocator (core/typed.hpp).
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/any_allocator.hpp"
#include "core/arena.hpp"
#include "core/fixed_buffer.hpp"
#include "core/typed.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

using weir::AnyAllocator;
using weir::PageAllocator;
using PageProbe = weir::test::CallerProbe<PageAllocator>;

struct AnyOnPages {
  static constexpr weir::test::Traits kTraits{};
  PageAllocator pages;
  PageProbe probed{pages};
  AnyAllocator any{probed};
  auto& allocator() { return any; }
  const auto& probe() { return probed; }
};

TEST(AnyAllocator, IsChosenAtRunTime) {
  weir::FixedBufferOf<1024> buffer;
  weir::Arena<> arena;
  std::vector<AnyAllocator> choices = {buffer, arena, weir::page_allocator};
  for (AnyAllocator& choice : choices) {
    void* const block = choice.allocate({100});
    ASSERT_NE(block, nullptr);
    EXPECT_TRUE(choice.owns(block));
    EXPECT_GE(choice.usable_size(block, {100}), 100U);
    EXPECT_EQ(choice.remap(block, {100}, 200), block) << "each can grow its only block in place";
    choice.deallocate(block, {200});
  }
  EXPECT_EQ(buffer.peak(), 200U);
  EXPECT_EQ(buffer.end_index(), 0U);
}

TEST(AnyAllocator, HandlesAreEqualWhenTheirAllocatorIs) {
  weir::FixedBufferOf<64> first;
  weir::FixedBufferOf<64> second;
  AnyAllocator one(first);
  AnyAllocator copy = one;
  EXPECT_EQ(one, AnyAllocator(first));
  EXPECT_EQ(one, copy);
  EXPECT_FALSE(one == AnyAllocator(second));
}

struct Alive {
  explicit Alive(int v) : value(v) { ++alive; }
  ~Alive() { --alive; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  int value;
  static inline int alive = 0;
};

TEST(Typed, ObjectsAreMadeAndUnmade) {
  weir::FixedBufferOf<sizeof(Alive)> buffer;
  Alive* const object = weir::create<Alive>(buffer, 42);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(object->value, 42);
  EXPECT_EQ(weir::create<Alive>(buffer, 1), nullptr);
  EXPECT_EQ(Alive::alive, 1);
  weir::destroy(buffer, object);
  weir::destroy(buffer, static_cast<Alive*>(nullptr));
  EXPECT_EQ(Alive::alive, 0);
  EXPECT_EQ(buffer.end_index(), 0U);
}

struct Thrower {
  Thrower() { throw std::runtime_error("no"); }
};

TEST(Typed, AConstructorThatThrowsKeepsNothing) {
  weir::FixedBufferOf<64> buffer;
  EXPECT_THROW(weir::create<Thrower>(buffer), std::runtime_error);
  EXPECT_EQ(buffer.end_index(), 0U);
  EXPECT_EQ(buffer.peak(), sizeof(Thrower));
}

TEST(Typed, ArraysAreSpans) {
  weir::FixedBufferOf<100 * sizeof(std::uint64_t)> buffer;
  auto array = weir::allocate_array<std::uint64_t>(buffer, 10);
  ASSERT_EQ(array.size(), 10U);
  for (std::size_t i = 0; i < array.size(); ++i) array[i] = i;
  array = weir::remap_array(buffer, array, 100);
  ASSERT_EQ(array.size(), 100U);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(array[i], i);
  EXPECT_TRUE(weir::remap_array(buffer, array, 101).empty());
  EXPECT_TRUE(weir::remap_array(buffer, array, SIZE_MAX / 4).empty());
  EXPECT_TRUE(weir::allocate_array<std::uint64_t>(buffer, SIZE_MAX / 4).empty()) << "8 * that is small";
  weir::deallocate_array(buffer, array);
  EXPECT_EQ(buffer.end_index(), 0U);
}

// Remembers who has asked.
struct Asked {
  void* allocate(weir::Layout layout, weir::CallerAddress caller) noexcept {
    asked_by = caller;
    return weir::page_allocator.allocate(layout, caller);
  }
  bool resize(void* block, weir::Layout layout, std::size_t bytes, weir::CallerAddress caller) noexcept {
    return weir::page_allocator.resize(block, layout, bytes, caller);
  }
  void* remap(void* block, weir::Layout layout, std::size_t bytes, weir::CallerAddress caller) noexcept {
    return weir::page_allocator.remap(block, layout, bytes, caller);
  }
  void deallocate(void* block, weir::Layout layout, weir::CallerAddress caller) noexcept {
    weir::page_allocator.deallocate(block, layout, caller);
  }
  bool owns(const void* block) const noexcept { return weir::page_allocator.owns(block); }
  std::size_t usable_size(const void* block, weir::Layout layout) const noexcept {
    return weir::page_allocator.usable_size(block, layout);
  }
  weir::CallerAddress asked_by = nullptr;
};

[[gnu::noinline, gnu::noclone, gnu::noipa]] void ask(Asked& asked) {
  weir::destroy(asked, weir::create<int>(asked, 1));
}
[[gnu::noinline, gnu::noclone, gnu::noipa]] void ask_elsewhere(Asked& asked) {
  weir::destroy(asked, weir::create<int>(asked, 2));
}

TEST(Typed, TheCallerIsThePlaceInTheProgram) {
  const auto within = [](weir::CallerAddress caller, void (*function)(Asked&)) {
    const auto begin = reinterpret_cast<std::uintptr_t>(function);
    return weir::address_of(caller) - begin < 1024;
  };
  Asked asked;
  ask(asked);
  EXPECT_TRUE(within(asked.asked_by, ask));
  const weir::CallerAddress first = asked.asked_by;
  ask_elsewhere(asked);
  EXPECT_TRUE(within(asked.asked_by, ask_elsewhere));
  EXPECT_NE(asked.asked_by, first);
}

}  // namespace

WEIR_CONFORMANCE(AnyAllocator, AnyOnPages);
WEIR_FUZZ(AnyAllocator, AnyOnPages);
