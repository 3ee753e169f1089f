// SharedPool: kept values, handles, misuse and limits, alone and with several threads. Run under TSan too.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/page_allocator.hpp"
#include "core/shared_pool.hpp"
#include "tests/unit/core/pool_backing.hpp"

namespace {

using weir::PoolHandle;
using weir::PoolMisuse;
using weir::SharedPool;
using weir::test::CountedHeap;

constexpr int kSharers = 4;

void in_sharing_threads(auto work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kSharers; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

// An object that is dear to make; who is alive is counted.
struct Dear {
  static inline std::atomic<int> made = 0;
  static inline std::atomic<int> alive = 0;

  explicit Dear(int n = 0) noexcept : number(n) {
    ++made;
    ++alive;
  }
  Dear(const Dear&) = delete;
  Dear& operator=(const Dear&) = delete;
  ~Dear() { --alive; }

  int number;
  std::string text;
};

struct ClearText {
  void operator()(Dear& dear) const noexcept { dear.text.clear(); }
};
template <typename Reset>
using Kept = SharedPool<Dear, CountedHeap, weir::Keep<Reset>>;

TEST(SharedPool, ThreadSafePool) {
  SharedPool<std::uint32_t, weir::PageAllocator, weir::Keep<weir::AsItWas>> pool(weir::page_allocator);
  std::uint32_t* const first = pool.acquire(100U);
  std::uint32_t* const second = pool.acquire(200U);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_TRUE(pool.release(first));
  EXPECT_TRUE(pool.release(second));
  std::uint32_t* const third = pool.acquire(300U);
  EXPECT_TRUE(*third == 100 || *third == 200) << "values survive a release";
  EXPECT_EQ(pool.in_use(), 1U);
  EXPECT_TRUE(pool.release(third));
}

TEST(SharedPool, KeepsObjectsUntilTheirMemoryGoes) {
  CountedHeap heap;
  const int made = Dear::made;
  {
    Kept<ClearText> pool(heap);
    Dear* const dear = pool.acquire(1);
    dear->text = "what it held";
    ASSERT_TRUE(pool.release(dear));
    EXPECT_EQ(Dear::alive, 1);
    Dear* const again = pool.acquire(2);
    EXPECT_EQ(again, dear);
    EXPECT_EQ(again->number, 1) << "the arguments are for the first construction";
    EXPECT_EQ(again->text, "") << "reset ran at the release";
    EXPECT_EQ(Dear::made - made, 1);
    EXPECT_TRUE(pool.release(again));
    EXPECT_GT(pool.trim(), 0U);
    EXPECT_EQ(Dear::alive, 0) << "trimmed";
    EXPECT_EQ(heap.blocks(), 0U);
    EXPECT_EQ(pool.acquire(3)->number, 3);
    ASSERT_NE(pool.acquire(4), nullptr);
    EXPECT_EQ(Dear::alive, 2);
  }
  EXPECT_EQ(Dear::alive, 0) << "what is acquired goes with the pool";
}

TEST(SharedPool, MakesAnObjectOnlyWhenThereIsNone) {
  CountedHeap heap;
  Kept<weir::AsItWas> pool(heap);
  int calls = 0;
  const auto make = [&] { return Dear(++calls); };
  Dear* const first = pool.acquire_with(make);
  ASSERT_TRUE(pool.release(first));
  EXPECT_EQ(pool.acquire_with(make)->number, 1);
  EXPECT_EQ(pool.acquire_with(make)->number, 2);
  EXPECT_EQ(calls, 2);
}

TEST(SharedPool, HandlesKnowWhetherTheirObjectIsThere) {
  CountedHeap heap;
  SharedPool<Dear, CountedHeap> pool(heap);
  Dear* const dear = pool.acquire(1);
  const PoolHandle handle = pool.handle_of(dear);
  EXPECT_EQ(pool.get(handle), dear);
  EXPECT_TRUE(pool.release(handle));
  EXPECT_EQ(pool.get(handle), nullptr);
  EXPECT_FALSE(pool.release(handle));

  ASSERT_EQ(pool.acquire(2), dear) << "the same place";
  EXPECT_EQ(pool.get(handle), nullptr);
  EXPECT_NE(pool.handle_of(dear), handle);
  EXPECT_FALSE(pool.release(handle));
  EXPECT_TRUE(pool.owns(dear));
  EXPECT_TRUE(pool.release(dear));

  pool.trim();
  Dear* const elsewhere = pool.acquire(3);
  EXPECT_EQ(pool.get(handle), nullptr) << "places given back are numbered anew";
  EXPECT_EQ(pool.get(pool.handle_of(elsewhere)), elsewhere);
  EXPECT_EQ(pool.get({}), nullptr);
  EXPECT_EQ(pool.handle_of(nullptr), PoolHandle{});
  EXPECT_EQ(pool.handle_of(dear + 100), PoolHandle{});
}

TEST(SharedPool, HandlesFindTheirObjectInEverySlab) {
  CountedHeap heap;
  SharedPool<Dear, CountedHeap> pool(heap, {.first_slab = 128, .largest_slab = 512});
  std::vector<std::pair<Dear*, PoolHandle>> all;
  for (int i = 0; i < 300; ++i) {
    Dear* const dear = pool.acquire(i);
    all.emplace_back(dear, pool.handle_of(dear));
  }
  EXPECT_GT(heap.blocks(), 20U) << "more slabs than are found without a lock";
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(pool.get(all[i].second), all[i].first);
    EXPECT_EQ(all[i].first->number, i);
    EXPECT_TRUE(pool.owns(all[i].first));
    EXPECT_TRUE(i % 2 == 0 ? pool.release(all[i].first) : pool.release(all[i].second));
    EXPECT_FALSE(pool.release(all[i].first));
  }
  EXPECT_EQ(pool.in_use(), 0U);
}

struct Misuses {
  std::atomic<int> not_acquired = 0;
  std::atomic<int> foreign = 0;
  const void* last = nullptr;
};

void note_misuse(void* context, PoolMisuse kind, const void* object) {
  auto& misuses = *static_cast<Misuses*>(context);
  ++(kind == PoolMisuse::kForeign ? misuses.foreign : misuses.not_acquired);
  misuses.last = object;
}

TEST(SharedPool, MisuseIsToldAndRefused) {
  CountedHeap heap;
  SharedPool<Dear, CountedHeap> pool(heap);
  Misuses misuses;
  pool.on_misuse(note_misuse, &misuses);
  Dear* const dear = pool.acquire(1);
  const PoolHandle handle = pool.handle_of(dear);
  EXPECT_TRUE(pool.release(dear));
  EXPECT_EQ(misuses.not_acquired, 0);
  EXPECT_FALSE(pool.release(dear));
  EXPECT_EQ(misuses.last, dear);
  EXPECT_FALSE(pool.release(handle));
  EXPECT_EQ(misuses.not_acquired, 2);

  Dear stranger(1);
  const auto no_memory = std::uintptr_t{64};  // told without being read
  const std::array<Dear*, 5> foreign{
      &stranger, nullptr, reinterpret_cast<Dear*>(no_memory),
      reinterpret_cast<Dear*>(reinterpret_cast<std::uintptr_t>(dear) + 8),  // inside of one
      reinterpret_cast<Dear*>(reinterpret_cast<std::uintptr_t>(dear) + 3000)};
  for (Dear* const object : foreign) EXPECT_FALSE(pool.release(object));
  EXPECT_EQ(misuses.foreign, 5);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(Dear::alive, 1) << "the stranger";
}

TEST(SharedPool, BlocksOfABatchThatNobodyHasHadAreNotAcquired) {
  CountedHeap heap;
  SharedPool<Dear, CountedHeap> pool(heap);
  ASSERT_TRUE(pool.warm_up(100));
  Dear* const first = pool.acquire(1);
  const std::size_t stride = (sizeof(Dear) + 15) / 8 * 8;
  auto* const next = reinterpret_cast<Dear*>(reinterpret_cast<std::uintptr_t>(first) + stride);
  EXPECT_FALSE(pool.owns(next));
  EXPECT_FALSE(pool.release(next));
  EXPECT_TRUE(pool.release(first));
}

TEST(SharedPool, KeepsToItsLimit) {
  CountedHeap heap;
  Kept<weir::AsItWas> pool(heap, {.limit = 50});
  std::vector<Dear*> held;
  for (int i = 0; i < 50; ++i) held.push_back(pool.acquire(i));
  EXPECT_EQ(pool.acquire(50), nullptr);
  EXPECT_FALSE(pool.scoped(50));
  std::thread([&] { EXPECT_TRUE(pool.release(held.back())); }).join();
  Dear* const last = pool.acquire(51);
  EXPECT_EQ(last, held.back()) << "what lies free with another thread serves at the limit";
  EXPECT_EQ(pool.limit(), 50U);
  EXPECT_EQ(pool.capacity(), 50U);
  EXPECT_EQ(pool.high_water_mark(), 50U);
}

TEST(SharedPool, OfManyReleasesAtOnceOneSucceeds) {
  CountedHeap heap;
  Kept<ClearText> pool(heap);
  Misuses misuses;
  pool.on_misuse(
      [](void* context, PoolMisuse, const void*) { ++static_cast<Misuses*>(context)->not_acquired; },
      &misuses);
  constexpr int kRounds = 300;
  std::array<Dear*, kRounds> objects;
  std::array<PoolHandle, kRounds> handles;
  for (int i = 0; i < kRounds; ++i) {
    objects[i] = pool.acquire(i);
    handles[i] = pool.handle_of(objects[i]);
  }
  std::atomic<int> released = 0;
  std::atomic<int> ready = 0;
  in_sharing_threads([&](int number) {
    ++ready;
    while (ready < kSharers) {
    }
    for (int i = 0; i < kRounds; ++i) {
      released += (number % 2 == 0 ? pool.release(objects[i]) : pool.release(handles[i])) ? 1 : 0;
    }
  });
  EXPECT_EQ(released, kRounds);
  EXPECT_EQ(misuses.not_acquired, (kSharers - 1) * kRounds);
  EXPECT_EQ(pool.in_use(), 0U);
}

// Handles go from thread to thread; who takes one out of its place releases the object, once.
TEST(SharedPool, CarriesHandlesBetweenThreadsWhileOneTrims) {
  CountedHeap heap;
  {
    Kept<ClearText> pool(heap, {.first_slab = 512});
    std::array<std::atomic<Dear*>, 32> places{};
    in_sharing_threads([&](int number) {
      for (int i = 0; i < 3000; ++i) {
        if (number == 0 && i % 100 == 0) pool.trim();
        Dear* const mine = pool.acquire(number);
        ASSERT_NE(mine, nullptr);
        ASSERT_TRUE(mine->text.empty());
        mine->text.assign("a text that is too long for the string itself");
        ASSERT_TRUE(pool.owns(mine));
        Dear* const other = places[static_cast<std::size_t>(i * (number + 3)) % places.size()].exchange(mine);
        if (other == nullptr) continue;
        const PoolHandle handle = pool.handle_of(other);
        ASSERT_EQ(pool.get(handle), other);
        ASSERT_EQ(other->text.size(), 45U);
        ASSERT_TRUE(i % 2 == 0 ? pool.release(handle) : pool.release(other));
        ASSERT_EQ(pool.get(handle), nullptr);
      }
    });
    for (const auto& place : places) {
      if (place != nullptr) {
        EXPECT_TRUE(pool.release(place.load()));
      }
    }
    EXPECT_EQ(pool.in_use(), 0U);
    pool.trim();
    EXPECT_EQ(heap.blocks(), 0U);
  }
  EXPECT_EQ(Dear::alive, 0);
}

}  // namespace
