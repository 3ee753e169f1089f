// What several threads may use at once, used by several threads at once. Runs under TSan, too.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "core/fallback.hpp"
#include "core/fixed_buffer.hpp"
#include "core/page_allocator.hpp"
#include "core/page_set.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

using weir::kPageSize;
using weir::PageAllocator;

constinit thread_local weir::FixedBufferOf<4096> scratch;
constinit weir::SharedFixedBufferOf<std::size_t{1} << 16> in_the_program;

struct SharedPages {
  static constexpr weir::test::Traits kTraits{.max_bytes = std::size_t{256} << 10};
  PageAllocator pages;
  auto& allocator() { return pages; }
};

struct SharedBuffer {
  static constexpr weir::test::Traits kTraits{
      .max_bytes = std::size_t{64} << 10, .bounded = true, .reuse = weir::test::Reuse::kLastInFirstOut};
  weir::SharedFixedBufferOf<std::size_t{9} << 20> buffer;
  auto& allocator() { return buffer; }
};

struct SharedThenPages {
  static constexpr weir::test::Traits kTraits{.max_bytes = std::size_t{64} << 10};
  weir::SharedFixedBufferOf<std::size_t{256} << 10> buffer;
  PageAllocator pages;
  weir::Fallback<decltype(buffer), PageAllocator> fallback{buffer, pages};
  auto& allocator() { return fallback; }
};

TEST(PageSet, ThreadsShareWords) {
  weir::PageSet set;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&set, &wrong, t] {
      const auto* const mine = reinterpret_cast<const void*>((1000 + t) * kPageSize);
      for (int i = 0; i < 20000; ++i) {
        set.insert(mine, kPageSize);
        wrong += !set.contains(mine);
        set.erase(mine, kPageSize);
        wrong += set.contains(mine);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(FixedBuffer, EachThreadHasItsOwn) {
  ASSERT_NE(scratch.allocate({4000, 1}), nullptr);
  const void* mine = &scratch;
  std::thread([mine] {
    EXPECT_NE(mine, &scratch);
    EXPECT_EQ(scratch.end_index(), 0U);
    EXPECT_NE(scratch.allocate({4096, 1}), nullptr);
  }).join();
  EXPECT_EQ(scratch.end_index(), 4000U);
  scratch.reset();
}

TEST(FixedBuffer, ThreadsShareOneWithoutLosingAByte) {
  constexpr std::size_t kWorkers = 4;
  constexpr std::size_t kBytes = 16;
  in_the_program.reset();
  std::vector<std::vector<std::byte*>> got(kWorkers);
  std::vector<std::thread> threads;
  for (auto& mine : got) {
    threads.emplace_back([&mine] {
      while (void* block = in_the_program.allocate({kBytes, 1})) {
        mine.push_back(static_cast<std::byte*>(block));
        *mine.back() = static_cast<std::byte>(weir::address_of(&mine));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t blocks = 0;
  for (auto& mine : got) {
    blocks += mine.size();
    for (const std::byte* block : mine) ASSERT_EQ(*block, static_cast<std::byte>(weir::address_of(&mine)));
  }
  EXPECT_EQ(blocks, in_the_program.capacity() / kBytes);
  EXPECT_EQ(in_the_program.peak(), in_the_program.capacity());
}

}  // namespace

WEIR_FUZZ_THREADS(SharedPages, SharedPages);
WEIR_FUZZ_THREADS(SharedFixedBuffer, SharedBuffer);
WEIR_FUZZ_THREADS(SharedThenPages, SharedThenPages);
