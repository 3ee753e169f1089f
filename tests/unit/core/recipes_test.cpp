// The systems of the recipes 18.1, 18.2, 18.4, 18.5 and 18.6 and of chapter 4.2, each shown once under its name;
// what they must keep to in full is in the tests of each type. docs/SEEDS.md is the list of all.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "core/any_allocator.hpp"
#include "core/arena.hpp"
#include "core/bump_allocator.hpp"
#include "core/debug_allocator.hpp"
#include "core/fallback.hpp"
#include "core/fixed_buffer.hpp"
#include "core/format.hpp"
#include "core/page_allocator.hpp"
#include "core/pool.hpp"
#include "core/stack_fallback.hpp"
#include "core/strings.hpp"
#include "core/typed.hpp"
#include "core/wrap/counting.hpp"
#include "core/wrap/failing.hpp"
#include "core/wrap/logging.hpp"
#include "core/wrap/profiling.hpp"
#include "core/wrap/tracking.hpp"
#include "core/wrap/validating.hpp"

namespace {

using weir::allocate_array;
using weir::deallocate_array;
using weir::duplicate;
using weir::format_to_new;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(Recipe18_1, BumpAllocator) {
  std::array<std::byte, 1024> memory;
  weir::BumpAllocator bump(memory);
  EXPECT_EQ(allocate_array<std::uint8_t>(bump, 100).size(), 100U);
  const std::span<std::uint32_t> words = allocate_array<std::uint32_t>(bump, 10);
  EXPECT_EQ(words.size(), 10U);
  EXPECT_TRUE(weir::is_aligned(weir::address_of(words.data()), alignof(std::uint32_t)));
  EXPECT_EQ(allocate_array<std::byte>(bump, 1000).data(), nullptr);
  bump.reset();
  EXPECT_EQ(allocate_array<std::uint8_t>(bump, 1024).size(), 1024U);
}

TEST(Recipe18_1, CountingAllocator) {
  weir::Counting counting(weir::page_allocator);
  const std::span<std::byte> slice = allocate_array<std::byte>(counting, 100);
  EXPECT_EQ(counting.counts().allocations, 1U);
  EXPECT_EQ(counting.counts().total_bytes, 100U);
  deallocate_array(counting, slice);
  EXPECT_EQ(counting.counts().frees, 1U);
  EXPECT_EQ(counting.counts().live_bytes, 0U);
}

TEST(Recipe18_1, FailAllocator) {
  weir::FixedBufferOf<256> buffer;
  weir::Failing failing(buffer, {.after = 2});
  EXPECT_EQ(allocate_array<std::byte>(failing, 10).size(), 10U);
  EXPECT_EQ(allocate_array<std::byte>(failing, 20).size(), 20U);
  EXPECT_EQ(allocate_array<std::byte>(failing, 30).data(), nullptr);
  EXPECT_TRUE(failing.has_induced_failure());
}

TEST(Recipe18_2, BasicArenaAllocator) {
  weir::DebugAllocator<> checked;
  {
    weir::Arena arena(checked);
    const std::span<std::uint8_t> bytes = allocate_array<std::uint8_t>(arena, 100);
    const std::span<std::uint32_t> words = allocate_array<std::uint32_t>(arena, 50);
    const std::span<std::uint64_t> longs = allocate_array<std::uint64_t>(arena, 25);
    bytes[0] = 42;
    words[0] = 12345;
    longs[0] = 9876543210;
    EXPECT_EQ(bytes[0], 42);
    EXPECT_EQ(words[0], 12345U);
    EXPECT_EQ(longs[0], 9876543210U);
  }
  EXPECT_EQ(checked.finish(), 0U) << "all was given back at the arena's end";
}

TEST(Recipe18_2, ScopedArenaForFunction) {
  weir::Arena<> arena;
  const auto respond = [](auto& in, int id, std::string_view name) {
    return format_to_new(in, R"({{"user_id": {}, "username": "{}"}})", id, name);
  };
  const std::string_view first = respond(arena, 42, "alice");
  const std::string_view second = respond(arena, 99, "bob");
  EXPECT_TRUE(contains(first, "alice") && contains(second, "bob"));
  const auto before = arena.mark();
  {
    const weir::ArenaScope scope(arena);
    EXPECT_TRUE(contains(respond(arena, 1, "of the function"), "of the function"));
  }
  void* const next = arena.allocate({1, 1});
  arena.rewind(before);
  EXPECT_EQ(arena.allocate({1, 1}), next) << "the scope has given back what was allocated in it";
}

TEST(Recipe18_2, ArenaWithRetainedState) {
  struct Processor {
    weir::Arena<> arena;
    int processed = 0;
    std::string_view process(std::string_view path) {
      return format_to_new(arena, "Processed request #{}: {}", ++processed, path);
    }
  };
  Processor processor;
  EXPECT_TRUE(contains(processor.process("/api/users"), "#1: /api/users"));
  EXPECT_TRUE(contains(processor.process("/api/posts"), "#2"));
  const std::size_t capacity = processor.arena.query_capacity();
  EXPECT_TRUE(processor.arena.reset(weir::kRetainCapacity));
  EXPECT_TRUE(contains(processor.process("/api/comments"), "#3"));
  EXPECT_EQ(processor.processed, 3);
  EXPECT_EQ(processor.arena.query_capacity(), capacity);
}

TEST(Recipe18_2, MultipleArenasForDifferentLifetimes) {
  weir::Arena<> of_the_server;
  weir::Arena<> of_a_request;
  std::string text = "production";
  const std::string_view config = duplicate(of_the_server, text);
  text.assign(text.size(), '?');
  for (const std::string_view path : {"/users", "/posts", "/comments"}) {
    const std::string_view answer = format_to_new(of_a_request, "Config: {}, Path: {}", config, path);
    EXPECT_TRUE(contains(answer, "production") && contains(answer, path));
    of_a_request.reset();
  }
  EXPECT_EQ(config, "production");
}

TEST(Recipe18_2, ArenaWithPreallocatedBuffer) {
  weir::FixedBufferOf<4096> buffer;
  weir::Arena arena(buffer, 1024);
  const std::span<std::uint64_t> longs = allocate_array<std::uint64_t>(arena, 25);
  longs[24] = 3;
  EXPECT_TRUE(buffer.owns(longs.data())) << "no heap";
  EXPECT_EQ(allocate_array<std::byte>(arena, 4096).data(), nullptr) << "nor beyond it";
}

TEST(Recipe18_4, BasicObjectPool) {
  weir::Pool<std::uint32_t> pool(weir::page_allocator, {.first_slab = 1, .largest_slab = 1});
  std::uint32_t* const first = pool.acquire(42U);
  std::uint32_t* const second = pool.acquire(99U);
  EXPECT_EQ(*first + *second, 141U);
  EXPECT_EQ(pool.in_use(), 2U);
  EXPECT_EQ(pool.capacity(), 2U);
  EXPECT_TRUE(pool.release(first));
  EXPECT_EQ(pool.in_use(), 1U);
  EXPECT_EQ(pool.acquire(123U), first);
  EXPECT_EQ(pool.capacity(), 2U) << "used again";
  EXPECT_TRUE(pool.release(first) && pool.release(second));
  EXPECT_FALSE(pool.release(second)) << "twice is told";
}

TEST(Recipe18_4, PoolAllocator) {
  weir::BlockPool pool(weir::page_allocator, weir::Layout::of<std::uint64_t>(),
                       {.first_slab = 1, .largest_slab = 1});
  std::uint64_t* const first = weir::create<std::uint64_t>(pool, 42U);
  std::uint64_t* const second = weir::create<std::uint64_t>(pool, 99U);
  weir::destroy(pool, first);
  EXPECT_EQ(weir::create<std::uint64_t>(pool, 123U), first);
  EXPECT_EQ(pool.capacity(), 2U);
  EXPECT_EQ(*second, 99U);
}

TEST(Recipe18_4, HybridPool) {
  using Both = weir::StackFallback<1024>;
  Both memory;
  weir::Pool<std::uint64_t, Both> pool(memory, {.first_slab = 512, .largest_slab = 512});
  const auto lies_in_it = [&](const void* p) {
    return weir::address_of(p) - weir::address_of(&memory) < sizeof memory;
  };
  EXPECT_TRUE(lies_in_it(pool.acquire(1U)));
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_NE(pool.acquire(i), nullptr);
  EXPECT_FALSE(lies_in_it(pool.acquire(2U))) << "more than fits";
}

TEST(Recipe18_5, BasicFixedBufferAllocator) {
  std::array<std::byte, 1024> memory;
  weir::FixedBuffer buffer(memory);
  allocate_array<std::uint32_t>(buffer, 10)[0] = 42;
  const std::span<std::uint64_t> longs = allocate_array<std::uint64_t>(buffer, 5);
  longs[0] = 123456789;
  EXPECT_EQ(longs[0], 123456789U);
  EXPECT_GE(weir::address_of(longs.data()), weir::address_of(memory.data()));
}

TEST(Recipe18_5, FixedBufferOverflow) {
  weir::FixedBufferOf<100> buffer;
  EXPECT_EQ(allocate_array<std::byte>(buffer, 50).size(), 50U);
  EXPECT_EQ(allocate_array<std::byte>(buffer, 40).size(), 40U);
  EXPECT_EQ(allocate_array<std::byte>(buffer, 20).data(), nullptr);
  EXPECT_EQ(buffer.end_index(), 90U);
}

TEST(Recipe18_5, ResettingFixedBuffer) {
  weir::FixedBufferOf<1024> buffer;
  EXPECT_EQ(allocate_array<std::byte>(buffer, 500).size(), 500U);
  EXPECT_EQ(buffer.end_index(), 500U);
  buffer.reset();
  EXPECT_EQ(buffer.end_index(), 0U);
  EXPECT_EQ(allocate_array<std::byte>(buffer, 800).size(), 800U);
}

constinit thread_local weir::FixedBufferOf<4096> scratch_of_the_thread;

TEST(Recipe18_5, ThreadLocalBuffer) {
  scratch_of_the_thread.reset();
  const std::string_view input = "Hello";
  const std::span<char> output = allocate_array<char>(scratch_of_the_thread, 2 * input.size());
  for (std::size_t i = 0; i < output.size(); ++i) output[i] = input[i / 2];
  EXPECT_EQ(std::string_view(output.data(), output.size()), "HHeelllloo");
}

int parse_with_a_buffer_of_its_own(std::string_view json) {
  weir::FixedBufferOf<256> inner;
  const std::span<char> digits = allocate_array<char>(inner, json.size());
  char* const end =
      std::copy_if(json.begin(), json.end(), digits.data(), [](char c) { return c >= '0' && c <= '9'; });
  return std::stoi(std::string(digits.data(), end));
}

TEST(Recipe18_5, NestedFixedBuffers) {
  weir::FixedBufferOf<1024> outer;
  int* const result = weir::create<int>(outer, parse_with_a_buffer_of_its_own(R"({"value": 42})"));
  EXPECT_EQ(*result, 42);
  const std::span<std::byte> part = allocate_array<std::byte>(outer, 256);
  weir::FixedBuffer inside(part);
  EXPECT_TRUE(outer.owns(inside.allocate({100}))) << "and one may lie in another";
}

TEST(Recipe18_5, RequestHandlerWithStackBuffer) {
  weir::FixedBufferOf<4096> buffer;
  const std::string_view path = duplicate(buffer, "/api/users");
  EXPECT_EQ(format_to_new(buffer, R"({{"path": "{}"}})", path), R"({"path": "/api/users"})");
}

TEST(Recipe18_5, FallbackAllocator) {
  weir::FixedBufferOf<100> stack;
  weir::Counting heap(weir::page_allocator);
  weir::Fallback both(stack, heap);
  const std::span<std::byte> small = allocate_array<std::byte>(both, 50);
  EXPECT_TRUE(stack.owns(small.data()));
  const std::span<std::byte> large = allocate_array<std::byte>(both, 200);
  EXPECT_TRUE(heap.owns(large.data()) && !stack.owns(large.data()));
  deallocate_array(both, large);
  deallocate_array(both, small);
  EXPECT_EQ(heap.counts().live_bytes, 0U);
  EXPECT_EQ(stack.end_index(), 0U);
}

TEST(Recipe18_5, ScopedBufferPattern) {
  const auto shout = [](std::string_view input) {
    weir::FixedBufferOf<1024> buffer;
    const std::span<char> upper = allocate_array<char>(buffer, input.size());
    std::ranges::transform(input, upper.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return std::string(upper.begin(), upper.end());
  };
  EXPECT_EQ(shout("Hello, World!"), "HELLO, WORLD!");
}

TEST(Recipe18_6, TestingAllocatorDetectsLeaks) {
  int reports = 0;
  weir::DebugAllocator checked(
      weir::DebugOptions{.handler = {[](void* context, const weir::DebugReport& report) noexcept {
                                       EXPECT_EQ(report.misuse.kind, weir::MisuseKind::leak);
                                       EXPECT_EQ(report.misuse.known.bytes, 100U);
                                       ++*static_cast<int*>(context);
                                     },
                                     &reports}});
  const std::span<std::byte> kept = allocate_array<std::byte>(checked, 100);
  const std::span<std::byte> given_back = allocate_array<std::byte>(checked, 50);
  kept[0] = std::byte{42};
  deallocate_array(checked, given_back);
  EXPECT_EQ(checked.finish(), 1U);
  EXPECT_EQ(reports, 1);
}

TEST(Recipe18_6, LoggingAllocator) {
  std::string lines;
  const auto note = [](void* context, const weir::Operation& operation) noexcept {
    const bool is_free = operation.kind == weir::Operation::Kind::deallocate;
    *static_cast<std::string*>(context) +=
        (is_free ? "FREE " : "ALLOC ") + std::to_string(operation.layout.bytes) + "\n";
  };
  weir::FixedBufferOf<256> buffer;
  weir::Logging logging(buffer, {note, &lines});
  const std::span<std::uint32_t> words = allocate_array<std::uint32_t>(logging, 10);
  const std::span<std::uint64_t> longs = allocate_array<std::uint64_t>(logging, 5);
  deallocate_array(logging, longs);
  deallocate_array(logging, words);
  EXPECT_EQ(lines, "ALLOC 40\nALLOC 40\nFREE 40\nFREE 40\n");
}

TEST(Recipe18_6, TrackingAllocator) {
  weir::Tracking tracking(weir::page_allocator);
  const std::span<std::byte> bytes = allocate_array<std::byte>(tracking, 100);
  EXPECT_EQ(tracking.usage().live_bytes, 100U);
  const std::span<std::uint32_t> words = allocate_array<std::uint32_t>(tracking, 50);
  EXPECT_EQ(tracking.usage().live_bytes, 300U);
  deallocate_array(tracking, bytes);
  deallocate_array(tracking, words);
  EXPECT_EQ(tracking.usage().live_bytes, 0U);
  EXPECT_EQ(tracking.usage().live_blocks(), 0U);
  EXPECT_EQ(tracking.usage().peak_bytes, 300U);
}

TEST(Recipe18_6, ValidatingAllocator) {
  weir::Misuse seen;
  const auto note = [](void* context, const weir::Misuse& misuse) noexcept {
    *static_cast<weir::Misuse*>(context) = misuse;
  };
  weir::FixedBufferOf<1024> buffer;
  weir::Validating validating(buffer, weir::MisuseHandler{note, &seen});
  const std::span<std::byte> good = allocate_array<std::byte>(validating, 100);
  std::memset(good.data(), 42, good.size());
  deallocate_array(validating, good);
  EXPECT_EQ(seen.block, nullptr);
  const std::span<std::byte> bad = allocate_array<std::byte>(validating, 100);
  bad.data()[100] = std::byte{42};
  deallocate_array(validating, bad);
  EXPECT_EQ(seen.kind, weir::MisuseKind::back_overwritten);
  EXPECT_EQ(seen.offset, 100);
}

TEST(Recipe18_6, MemoryProfiler) {
  weir::FixedBufferOf<1024> buffer;
  weir::Profiling profiling(buffer, {.exact = true});
  for (const std::size_t size : {100U, 100U, 200U})
    ASSERT_FALSE(allocate_array<std::byte>(profiling, size).empty());
  std::string report;
  profiling.for_each_row([&](const weir::ProfileRow& row) {
    report += std::to_string(row.least) + ": " + std::to_string(row.allocations) + "\n";
  });
  EXPECT_EQ(report, "100: 2\n200: 1\n");
}

TEST(Recipe18_6, ComposingDebugAllocators) {
  weir::DebugAllocator<> checked;
  weir::Tracking tracking(checked);
  weir::Validating validating(tracking);
  weir::AnyAllocator any(validating);
  const std::span<std::byte> bytes = allocate_array<std::byte>(any, 100);
  EXPECT_GT(tracking.usage().live_bytes, 100U) << "the canaries as well";
  deallocate_array(any, bytes);
  EXPECT_EQ(tracking.usage().live_bytes, 0U);
  EXPECT_EQ(checked.finish(), 0U);
}

TEST(Chapter4_2, PageAllocator) {
  const std::span<std::byte> data = allocate_array<std::byte>(weir::page_allocator, 1000);
  EXPECT_TRUE(std::ranges::all_of(data, [](std::byte byte) { return byte == std::byte{0}; }));
  EXPECT_TRUE(weir::is_aligned(weir::address_of(data.data()), 4096));
  deallocate_array(weir::page_allocator, data);
}

TEST(Chapter4_2, StackFallbackAllocator) {
  weir::StackFallback<256> fallback;
  const auto begin = weir::address_of(&fallback);
  const std::span<std::byte> small = allocate_array<std::byte>(fallback, 100);
  EXPECT_LT(weir::address_of(small.data()) - begin, sizeof fallback);
  const std::span<std::byte> large = allocate_array<std::byte>(fallback, 1000);
  EXPECT_GE(weir::address_of(large.data()) - begin, sizeof fallback);
  deallocate_array(fallback, large);
  deallocate_array(fallback, small);
}

TEST(Chapter4_2, HttpServer) {
  weir::DebugAllocator<> general;
  const auto handle = [&](std::string_view request) {
    weir::Arena arena(general);  // of this request
    const std::string_view path = duplicate(arena, request.substr(4));
    return format_to_new(general, "HTTP/1.1 200 OK\r\n\r\n{}", path);  // outlives it
  };
  const std::string_view response = handle("GET /index");
  EXPECT_EQ(response, "HTTP/1.1 200 OK\r\n\r\n/index");
  weir::deallocate_text(general, response);
  EXPECT_EQ(general.finish(), 0U);
}

}  // namespace
