// std::pmr on these allocators, and these allocators on std::pmr.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <list>
#include <map>
#include <memory_resource>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/arena.hpp"
#include "core/fallback.hpp"
#include "core/fixed_buffer.hpp"
#include "core/memory_resource.hpp"
#include "core/page_allocator.hpp"
#include "core/stack_fallback.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

using weir::MemoryResource;
using weir::PageAllocator;
using weir::ResourceAllocator;

struct NewDelete {
  static constexpr weir::test::Traits kTraits{.exact_owns = false};
  ResourceAllocator resource{*std::pmr::new_delete_resource()};
  auto& allocator() { return resource; }
};

// There and back again: pages as a resource as an allocator.
struct RoundTrip {
  static constexpr weir::test::Traits kTraits{.exact_owns = false};
  PageAllocator pages;
  MemoryResource<PageAllocator> as_resource{pages};
  ResourceAllocator resource{as_resource};
  auto& allocator() { return resource; }
};

struct BufferThenResource {
  static constexpr weir::test::Traits kTraits{.exact_owns = false};
  weir::FixedBufferOf<std::size_t{64} << 10> buffer;
  ResourceAllocator resource{*std::pmr::new_delete_resource()};
  weir::Fallback<decltype(buffer), ResourceAllocator> fallback{buffer, resource};
  auto& allocator() { return fallback; }
};

// The same program on each allocator: its containers hold what they would on the heap.
template <weir::Allocator A>
void containers_run_on(A& allocator) {
  MemoryResource<A> resource(allocator);
  std::pmr::vector<std::pmr::string> words(&resource);
  std::pmr::map<int, std::pmr::string> by_number(&resource);
  std::pmr::unordered_map<std::pmr::string, int> by_word(&resource);
  std::pmr::list<int> numbers(&resource);
  std::map<int, std::string> as_on_the_heap;
  for (int i = 0; i < 2000; ++i) {
    const std::string word = "a word that is too long to lie within the string " + std::to_string(i);
    words.emplace_back(word);
    by_number.emplace(i, word);
    as_on_the_heap.emplace(i, word);
    by_word.emplace(word, i);
    numbers.push_back(i);
    if (i % 3 == 0) numbers.pop_front();
    if (i % 5 == 0) by_number.erase(i / 2);
    if (i % 5 == 0) as_on_the_heap.erase(i / 2);
  }
  EXPECT_TRUE(allocator.owns(words.data()));
  EXPECT_TRUE(allocator.owns(&numbers.front()));
  EXPECT_EQ(words[1999], "a word that is too long to lie within the string 1999");
  EXPECT_EQ(by_word.at(words[77]), 77);
  EXPECT_TRUE(std::equal(by_number.begin(), by_number.end(), as_on_the_heap.begin(), as_on_the_heap.end(),
                         [](const auto& a, const auto& b) {
                           return a.first == b.first && std::string_view(a.second) == b.second;
                         }));
  EXPECT_EQ(numbers.size(), 2000U - 667U);
}

TEST(MemoryResource, ContainersRunOnPages) {
  PageAllocator pages;
  containers_run_on(pages);
}

TEST(MemoryResource, ContainersRunOnAnArena) {
  weir::Arena<> arena;
  containers_run_on(arena);
  EXPECT_TRUE(arena.reset());
  containers_run_on(arena);
}

TEST(MemoryResource, ContainersRunOnAFixedBuffer) {
  weir::FixedBufferOf<std::size_t{4} << 20> buffer;
  containers_run_on(buffer);
  EXPECT_GT(buffer.peak(), 100'000U);
}

TEST(MemoryResource, ContainersRunOnStackThenPages) {
  weir::StackFallback<4096> scratch;
  containers_run_on(scratch);
  EXPECT_GT(scratch.stack().peak(), 0U);
}

TEST(MemoryResource, FailureIsBadAlloc) {
  weir::FixedBufferOf<100> buffer;
  MemoryResource<decltype(buffer)> resource(buffer);
  EXPECT_THROW(static_cast<void>(resource.allocate(101, 1)), std::bad_alloc);
  EXPECT_THROW((std::pmr::vector<int>(1000, &resource)), std::bad_alloc);
  EXPECT_NE(resource.allocate(100, 1), nullptr);
}

TEST(MemoryResource, IsEqualToAnotherOfTheSameAllocator) {
  weir::FixedBufferOf<64> first;
  weir::FixedBufferOf<64> second;
  const MemoryResource<decltype(first)> one(first);
  const MemoryResource<decltype(first)> same(first);
  const MemoryResource<decltype(first)> other(second);
  EXPECT_TRUE(one.is_equal(same));
  EXPECT_FALSE(one.is_equal(other));
  EXPECT_FALSE(one.is_equal(*std::pmr::new_delete_resource()));
}

TEST(ResourceAllocator, AResourceThatThrowsIsAFailure) {
  ResourceAllocator nothing(*std::pmr::null_memory_resource());
  EXPECT_EQ(nothing.allocate({1}), nullptr);
  std::byte memory[64];
  std::pmr::monotonic_buffer_resource small(memory, sizeof memory, std::pmr::null_memory_resource());
  ResourceAllocator limited(small);
  void* const block = limited.allocate({64, 1});
  EXPECT_EQ(block, memory);
  EXPECT_EQ(limited.allocate({1, 1}), nullptr);
  EXPECT_EQ(limited.remap(block, {64, 1}, 65), nullptr);
}

// As operator new does it when malloc has failed.
class SetsErrno final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t /*bytes*/, std::size_t /*alignment*/) override {
    errno = ENOMEM;
    throw std::bad_alloc();
  }
  void do_deallocate(void* /*block*/, std::size_t /*bytes*/, std::size_t /*alignment*/) override {
    errno = EINVAL;
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }
};

TEST(ResourceAllocator, ErrnoOfTheResourceIsNotSeen) {
  SetsErrno below;
  ResourceAllocator allocator(below);
  int block = 0;
  errno = 0;
  EXPECT_EQ(allocator.allocate({1}), nullptr);
  EXPECT_EQ(errno, 0);
  allocator.deallocate(&block, {4});
  EXPECT_EQ(errno, 0);
}

static_assert(!weir::KnowsItsBlocks<ResourceAllocator>, "it cannot be the first of a Fallback");
static_assert(weir::KnowsItsBlocks<PageAllocator>);

}  // namespace

WEIR_CONFORMANCE(NewDeleteResource, NewDelete);
WEIR_CONFORMANCE(ResourceRoundTrip, RoundTrip);
WEIR_CONFORMANCE(BufferThenResource, BufferThenResource);
WEIR_FUZZ(NewDeleteResource, NewDelete);
WEIR_FUZZ(ResourceRoundTrip, RoundTrip);
WEIR_FUZZ(BufferThenResource, BufferThenResource);
