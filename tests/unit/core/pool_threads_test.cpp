// ThreadSafePool and SharedPool: alone, and with several threads. Run under ThreadSanitizer too.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/page_allocator.hpp"
#include "core/thread_safe_pool.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"
#include "tests/unit/core/pool_backing.hpp"

using weir::Layout;
using weir::PageAllocator;
using weir::SharedPool;
using weir::ThreadSafePool;
using weir::test::CountedHeap;
using weir::test::Traits;

namespace {

constexpr Layout kSharedBlock{64, 16};
constexpr int kThreads = 4;

struct SharedBlocks {
  static constexpr Traits kTraits{.max_alignment = 16, .max_bytes = 64};
  PageAllocator pages;
  ThreadSafePool<PageAllocator> pool{pages, kSharedBlock};
  ThreadSafePool<PageAllocator>& allocator() { return pool; }
  void finish() {
    EXPECT_EQ(pool.in_use(), 0U);
    pool.trim();
    EXPECT_EQ(pool.capacity(), 0U);
  }
};
struct SharedLimited {
  static constexpr Traits kTraits{.max_alignment = 16, .max_bytes = 64, .bounded = true};
  PageAllocator pages;
  ThreadSafePool<PageAllocator> pool{pages, kSharedBlock, {.limit = 100}};
  ThreadSafePool<PageAllocator>& allocator() { return pool; }
};

void in_threads(auto work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

WEIR_CONFORMANCE(SharedBlocks, SharedBlocks);
WEIR_CONFORMANCE(SharedLimited, SharedLimited);
WEIR_FUZZ(SharedBlocks, SharedBlocks);
WEIR_FUZZ(SharedLimited, SharedLimited);
WEIR_FUZZ_THREADS(SharedBlocks, SharedBlocks);
WEIR_FUZZ_THREADS(SharedLimited, SharedLimited);

TEST(ThreadSafePool, IsLazyWarmAndLimited) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock, {.limit = 200});
  EXPECT_EQ(heap.calls, 0U);
  ASSERT_TRUE(pool.warm_up(200));
  heap.largest = 0;
  std::set<void*> blocks;
  for (int i = 0; i < 200; ++i) blocks.insert(pool.acquire());
  EXPECT_EQ(blocks.size(), 200U);
  EXPECT_FALSE(blocks.contains(nullptr));
  EXPECT_EQ(pool.acquire(), nullptr);
  EXPECT_EQ(pool.in_use(), 200U);
  EXPECT_EQ(pool.high_water_mark(), 200U);
  for (void* block : blocks) pool.release(block);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_GT(pool.trim(), 0U);
  EXPECT_EQ(heap.blocks(), 0U);
}

TEST(ThreadSafePool, BlocksThatLieWithOneThreadServeTheOthersAtTheLimit) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock, {.limit = 10});
  std::thread([&] {
    void* block = pool.acquire();
    pool.release(block);
  }).join();
  std::set<void*> blocks;
  for (int i = 0; i < 10; ++i) blocks.insert(pool.acquire());
  EXPECT_EQ(blocks.size(), 10U);
  EXPECT_FALSE(blocks.contains(nullptr));
  EXPECT_EQ(pool.acquire(), nullptr);
}

TEST(ThreadSafePool, AShardKeepsAFewBlocksOnly) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock);
  std::vector<void*> blocks;
  for (int i = 0; i < 5000; ++i) blocks.push_back(pool.acquire());
  const std::size_t capacity = pool.capacity();
  for (void* block : blocks) pool.release(block);
  std::thread([&] {
    for (int i = 0; i < 5000 - int{ThreadSafePool<CountedHeap>::kMost}; ++i) pool.acquire();
  }).join();
  EXPECT_EQ(pool.capacity(), capacity) << "what one thread released, the next one uses";
}

TEST(ThreadSafePool, AShardTakesNoMemoryForLater) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock);
  pool.acquire();
  const std::size_t capacity = pool.capacity();
  EXPECT_NE(capacity % ThreadSafePool<CountedHeap>::kBatch, 0U) << "or this shows nothing";
  for (std::size_t i = 1; i < capacity; ++i) pool.acquire();
  EXPECT_EQ(heap.calls, 1U);
}

// Each block holds its owner's mark while it is in use: nobody else may write there.
TEST(ThreadSafePool, NoBlockIsHandedOutTwice) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock);
  in_threads([&](int number) {
    std::vector<unsigned char*> mine;
    unsigned random = 12345U + static_cast<unsigned>(number);
    for (int i = 0; i < 30000; ++i) {
      random = random * 1664525U + 1013904223U;
      if (mine.size() < 100 && (random >> 16) % 2 == 0) {
        auto* block = static_cast<unsigned char*>(pool.acquire());
        ASSERT_NE(block, nullptr);
        std::memset(block, number + 1, kSharedBlock.bytes);
        mine.push_back(block);
      } else if (!mine.empty()) {
        std::swap(mine[(random >> 8) % mine.size()], mine.back());
        for (std::size_t at = 0; at < kSharedBlock.bytes; ++at) ASSERT_EQ(mine.back()[at], number + 1);
        pool.release(mine.back());
        mine.pop_back();
      }
    }
    for (unsigned char* block : mine) pool.release(block);
  });
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ThreadSafePool, WhatOneThreadMakesAnotherMayRelease) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock);
  std::mutex lock;
  std::vector<void*> queue;
  std::atomic<int> released = 0;
  constexpr int kEach = 10000;
  in_threads([&](int number) {
    if (number % 2 == 0) {
      for (int i = 0; i < kEach; ++i) {
        void* block = pool.acquire();
        std::memset(block, 1, kSharedBlock.bytes);
        const std::lock_guard guard(lock);
        queue.push_back(block);
      }
      return;
    }
    while (released < kThreads / 2 * kEach) {
      std::vector<void*> taken;
      {
        const std::lock_guard guard(lock);
        taken.swap(queue);
      }
      for (void* block : taken) {
        std::memset(block, 2, kSharedBlock.bytes);
        pool.release(block);
      }
      released += static_cast<int>(taken.size());
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST(ThreadSafePool, TrimsAndAnswersWhileOthersWork) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock);
  in_threads([&](int number) {
    for (int i = 0; i < 500; ++i) {
      if (number == 0) {
        pool.trim();
        EXPECT_LE(pool.capacity(), 100000U);
        pool.in_use();
        continue;
      }
      std::vector<void*> mine;
      for (int k = 0; k < 60; ++k) {
        mine.push_back(pool.acquire());
        std::memset(mine.back(), number, kSharedBlock.bytes);
      }
      EXPECT_TRUE(pool.owns(mine.front()));
      for (void* block : mine) pool.release(block);
    }
  });
  EXPECT_EQ(pool.in_use(), 0U);
  pool.trim();
  EXPECT_EQ(heap.blocks(), 0U);
}

TEST(ThreadSafePool, ThreadsThatEndLeaveNothingBehind) {
  CountedHeap heap;
  ThreadSafePool pool(heap, kSharedBlock);
  for (int i = 0; i < 300; ++i) {
    std::thread([&] {
      void* block = pool.acquire();
      std::memset(block, 1, kSharedBlock.bytes);
      pool.release(block);
    }).join();
  }
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_LE(pool.high_water_mark(), 16U * ThreadSafePool<CountedHeap>::kMost);
}

namespace {

struct Message {
  static inline std::atomic<int> alive = 0;
  std::string text;
  explicit Message(const char* t = "") noexcept : text(t) { ++alive; }
  ~Message() { --alive; }
};

}  // namespace

TEST(SharedPool, ConstructsDestroysAndRefusesASecondRelease) {
  CountedHeap heap;
  SharedPool<Message, CountedHeap> pool(heap, {.limit = 40});
  Message* message = pool.acquire("a text that is too long for the string itself");
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(Message::alive, 1);
  EXPECT_TRUE(pool.owns(message));
  EXPECT_TRUE(pool.release(message));
  EXPECT_EQ(Message::alive, 0);
  EXPECT_FALSE(pool.release(message));
  EXPECT_FALSE(pool.release(nullptr));
  {
    auto scoped = pool.scoped("another");
    EXPECT_EQ(scoped->text, "another");
    EXPECT_EQ(pool.in_use(), 1U);
  }
  bool refused = false;
  std::thread([&] { refused = !pool.release(message); }).join();
  EXPECT_TRUE(refused);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(Message::alive, 0);
}

TEST(SharedPool, CarriesObjectsBetweenThreads) {
  CountedHeap heap;
  SharedPool<Message, CountedHeap> pool(heap);
  std::array<std::atomic<Message*>, 64> places{};
  in_threads([&](int number) {
    for (int i = 0; i < 20000; ++i) {
      Message* mine = pool.acquire("a message that is too long for the string itself");
      Message* other = places[static_cast<std::size_t>(i * (number + 3)) % places.size()].exchange(mine);
      if (other != nullptr) {
        ASSERT_EQ(other->text.size(), 48U);
        ASSERT_TRUE(pool.release(other));
      }
    }
  });
  for (auto& place : places) {
    if (place != nullptr) {
      EXPECT_TRUE(pool.release(place));
    }
  }
  EXPECT_EQ(Message::alive, 0);
  EXPECT_EQ(pool.in_use(), 0U);
}
