// StdAllocator: the standard's requirements, and its containers on each kind of allocator.
#include "core/std_allocator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <scoped_allocator>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/any_allocator.hpp"
#include "core/arena.hpp"
#include "core/bump_allocator.hpp"
#include "core/debug_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/page_allocator.hpp"
#include "core/thread_safe_pool.hpp"
#include "core/tiered_pool.hpp"
#include "core/wrap/counting.hpp"
#include "core/wrap/failing.hpp"

namespace {

using weir::StdAllocator;
using PagesForInt = StdAllocator<int, weir::PageAllocator>;
using ArenaForInt = StdAllocator<int, weir::Arena<>>;

// [allocator.requirements], as far as a compiler can be asked.
template <typename A, typename Other>
constexpr bool conforms() {
  using Traits = std::allocator_traits<A>;
  using T = typename Traits::value_type;
  using U = typename Other::value_type;
  static_assert(std::same_as<typename Traits::pointer, T*>);
  static_assert(std::same_as<typename Traits::const_pointer, const T*>);
  static_assert(std::same_as<typename Traits::size_type, std::size_t>);
  static_assert(std::same_as<typename Traits::template rebind_alloc<U>, Other>);
  static_assert(std::same_as<typename std::allocator_traits<Other>::template rebind_alloc<T>, A>);
  static_assert(std::is_nothrow_copy_constructible_v<A> && std::is_nothrow_move_constructible_v<A>);
  static_assert(std::is_nothrow_copy_assignable_v<A> && std::is_nothrow_move_assignable_v<A>);
  static_assert(std::is_nothrow_constructible_v<A, const Other&> &&
                std::is_nothrow_constructible_v<A, Other&&>);
  static_assert(std::is_convertible_v<const Other&, A>);
  static_assert(std::equality_comparable<A>);
  static_assert(noexcept(std::declval<A&>() == std::declval<Other&>()));
  static_assert(!Traits::propagate_on_container_copy_assignment::value);
  static_assert(!Traits::propagate_on_container_move_assignment::value);
  static_assert(Traits::propagate_on_container_swap::value);
  static_assert(sizeof(A) == sizeof(void*));
  return true;
}
static_assert(conforms<ArenaForInt, StdAllocator<std::string, weir::Arena<>>>());
static_assert(conforms<PagesForInt, StdAllocator<std::max_align_t, weir::PageAllocator>>());
static_assert(std::allocator_traits<PagesForInt>::is_always_equal::value);
static_assert(!std::allocator_traits<ArenaForInt>::is_always_equal::value);

template <typename T, typename A>
using VectorOn = std::vector<T, StdAllocator<T, A>>;
template <typename A>
using StringOn = std::basic_string<char, std::char_traits<char>, StdAllocator<char, A>>;

std::string long_word(int i) {
  return "a word that is too long to lie within the string " + std::to_string(i);
}

// What the containers hold on the allocator is what they hold on the heap.
template <weir::Allocator A>
void std_containers_run_on(A& allocator, int count = 500) {
  using Text = StringOn<A>;
  VectorOn<Text, A> words(allocator);
  std::map<int, Text, std::less<>, StdAllocator<std::pair<const int, Text>, A>> by_number(allocator);
  std::unordered_map<int, int, std::hash<int>, std::equal_to<>, StdAllocator<std::pair<const int, int>, A>>
      squares(allocator);
  std::list<int, StdAllocator<int, A>> numbers(allocator);
  std::deque<int, StdAllocator<int, A>> queue(allocator);
  std::set<int, std::less<>, StdAllocator<int, A>> set(allocator);
  std::map<int, std::string> as_on_the_heap;
  for (int i = 0; i < count; ++i) {
    const std::string word = long_word(i);
    words.emplace_back(word, allocator);
    by_number.emplace(i, Text(word, allocator));
    as_on_the_heap.emplace(i, word);
    squares.emplace(i, i * i);
    numbers.push_back(i);
    queue.push_front(i);
    set.insert(i % 10);
    if (i % 3 == 0) numbers.pop_front();
    if (i % 5 == 0) by_number.erase(i / 2);
    if (i % 5 == 0) as_on_the_heap.erase(i / 2);
  }
  EXPECT_TRUE(allocator.owns(words.data()));
  EXPECT_TRUE(allocator.owns(words.back().data()));
  EXPECT_TRUE(allocator.owns(&numbers.front()));
  EXPECT_TRUE(allocator.owns(&by_number.begin()->second));
  EXPECT_EQ(std::string_view(words.back()), long_word(count - 1));
  EXPECT_EQ(squares.at(77), 77 * 77);
  EXPECT_EQ(queue.back(), 0);
  EXPECT_EQ(set.size(), 10U);
  EXPECT_TRUE(std::equal(by_number.begin(), by_number.end(), as_on_the_heap.begin(), as_on_the_heap.end(),
                         [](const auto& a, const auto& b) {
                           return a.first == b.first && std::string_view(a.second) == b.second;
                         }));
  std::shared_ptr<Text> const shared =
      std::allocate_shared<Text>(weir::allocator_for<Text>(allocator), long_word(1), allocator);
  const std::weak_ptr<Text> weak = shared;
  EXPECT_TRUE(allocator.owns(shared.get()));
  EXPECT_EQ(std::string_view(*weak.lock()), long_word(1));
}

TEST(StdAllocator, ContainersRunOnEachKind) {
  weir::PageAllocator pages;
  std_containers_run_on(pages, 100);
  weir::Arena arena(pages);
  std_containers_run_on(arena);
  ASSERT_TRUE(arena.reset());
  std_containers_run_on(arena);
  weir::Arena child(arena);
  std_containers_run_on(child);
  weir::FixedBufferOf<std::size_t{1} << 20> buffer;
  std_containers_run_on(buffer);
  weir::TieredPool tiers(pages);
  std_containers_run_on(tiers);
  weir::AnyAllocator any(arena);
  std_containers_run_on(any);
}

TEST(StdAllocator, GivesBackAllThatItTookWithTheSameLayout) {
  weir::DebugAllocator<> checked;  // ends the process on a wrong size or alignment
  weir::Counting counting(checked);
  std_containers_run_on(counting, 100);
  EXPECT_GT(counting.counts().allocations, 500U);
  EXPECT_EQ(counting.counts().live_bytes, 0U);
  EXPECT_EQ(checked.finish(), 0U);
}

TEST(StdAllocator, IntegrationWithBumpAllocator) {
  alignas(16) std::byte memory[4096];
  weir::BumpAllocator bump(memory);
  VectorOn<std::uint32_t, weir::BumpAllocator> list(bump);
  for (std::uint32_t i = 0; i < 100; ++i) list.push_back(i);
  EXPECT_EQ(list[99], 99U);
  EXPECT_TRUE(bump.owns(list.data()));
  EXPECT_THROW(list.reserve(5000), std::bad_alloc);
  EXPECT_EQ(list.size(), 100U) << "and it is as it was";
}

struct alignas(128) Wide {
  int value = 7;
};

TEST(StdAllocator, KeepsAlignmentsBeyondTheDefault) {
  weir::Arena<> arena;
  VectorOn<char, weir::Arena<>> shift(1, 'x', arena);
  VectorOn<Wide, weir::Arena<>> wide(3, arena);
  for (const Wide& one : wide) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&one) % 128, 0U);
  const auto shared = std::allocate_shared<Wide>(weir::allocator_for<Wide>(arena));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(shared.get()) % 128, 0U);
}

TEST(StdAllocator, FailuresAreTheStandardsOwn) {
  weir::FixedBufferOf<100> small;
  StdAllocator<std::uint64_t, decltype(small)> numbers(small);
  EXPECT_THROW(static_cast<void>(numbers.allocate(13)), std::bad_alloc);
  EXPECT_THROW(static_cast<void>(numbers.allocate(SIZE_MAX / 8 + 1)), std::bad_array_new_length);
  EXPECT_EQ(small.end_index(), 0U);
  std::uint64_t* const none = numbers.allocate(0);
  EXPECT_NE(none, nullptr);
  numbers.deallocate(none, 0);
  EXPECT_NE(numbers.allocate(12), nullptr);
}

TEST(StdAllocator, OneThatFailsLeavesTheContainerAsItWas) {
  weir::Arena<> arena;
  weir::Failing failing(arena, {.after = 1});
  VectorOn<int, decltype(failing)> numbers({1, 2, 3}, failing);
  EXPECT_THROW(numbers.push_back(4), std::bad_alloc);
  EXPECT_TRUE(std::ranges::equal(numbers, std::vector{1, 2, 3}));
}

TEST(StdAllocator, AContainerStaysInItsMemory) {
  weir::Arena<> first;
  weir::Arena<> second;
  VectorOn<int, weir::Arena<>> a({1, 2, 3}, first);
  VectorOn<int, weir::Arena<>> b({4, 5}, second);
  const VectorOn<int, weir::Arena<>> copy = a;
  EXPECT_EQ(copy.get_allocator(), a.get_allocator());
  EXPECT_NE(a.get_allocator(), b.get_allocator());
  b = std::move(a);
  EXPECT_TRUE(second.owns(b.data()));
  EXPECT_EQ(b, copy);

  VectorOn<int, weir::Arena<>> c({7}, first);
  swap(b, c);
  EXPECT_EQ(c, copy);
  EXPECT_TRUE(second.owns(c.data()) && first.owns(b.data())) << "a swap takes the allocators along";

  VectorOn<int, weir::Arena<>> d(first);
  const int* const where = b.data();
  d = std::move(b);
  EXPECT_EQ(d.data(), where) << "of one arena to another container of it, nothing moves";
}

TEST(StdAllocator, NestedContainersFollowByScopedAllocator) {
  weir::Arena<> arena;
  using Text = StringOn<weir::Arena<>>;
  using Outer = std::scoped_allocator_adaptor<StdAllocator<Text, weir::Arena<>>>;
  std::vector<Text, Outer> words{Outer(arena)};
  words.emplace_back(long_word(1));
  words.resize(3);
  EXPECT_TRUE(arena.owns(words[0].data()));
  EXPECT_EQ(words[2].get_allocator(), weir::allocator_for<char>(arena));
}

TEST(StdAllocator, SharedPointersOnAPoolOfTheirSize) {
  weir::PageAllocator pages;
  weir::ThreadSafePool pool(pages, {64, 16});
  std::vector<std::shared_ptr<int>> all;
  for (int i = 0; i < 100; ++i) all.push_back(std::allocate_shared<int>(weir::allocator_for<int>(pool), i));
  EXPECT_EQ(pool.in_use(), 100U);
  EXPECT_EQ(*all[42], 42);
  all.clear();
  EXPECT_EQ(pool.in_use(), 0U);
}

}  // namespace
