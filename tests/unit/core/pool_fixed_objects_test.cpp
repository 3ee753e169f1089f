// FixedObjectPool: a pool of N objects in itself.
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/fixed_object_pool.hpp"

namespace {

using weir::FixedObjectPool;
using weir::PoolHandle;
using weir::PoolMisuse;

TEST(FixedObjectPool, PreallocatedPool) {
  FixedObjectPool<std::uint64_t, 10> pool;
  EXPECT_EQ(pool.available(), 10U);
  std::array<std::uint64_t*, 10> objects;
  for (std::uint64_t i = 0; i < 10; ++i) {
    objects[i] = pool.acquire(i);
    ASSERT_NE(objects[i], nullptr);
  }
  EXPECT_EQ(pool.available(), 0U);
  EXPECT_EQ(pool.acquire(), nullptr) << "exhausted";
  for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(*objects[i], i);

  EXPECT_TRUE(pool.release(objects[5]));
  EXPECT_EQ(pool.available(), 1U);
  EXPECT_EQ(pool.acquire(999U), objects[5]);
  EXPECT_EQ(pool.available(), 0U);
  for (std::uint64_t* const object : objects) EXPECT_TRUE(pool.release(object));
  EXPECT_EQ(pool.available(), pool.capacity());
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(pool.high_water_mark(), 10U);
}

struct alignas(64) Aligned {
  static inline int alive = 0;
  explicit Aligned(int n) noexcept : number(n) { ++alive; }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { --alive; }
  int number;
  std::string text = "a text that is too long for the string itself";
};

TEST(FixedObjectPool, LiesInItselfAndCostsAFewBytes) {
  using Small = FixedObjectPool<std::array<char, 56>, 100>;
  static_assert(sizeof(Small) <= 100 * 64 + 300);
  FixedObjectPool<Aligned, 7> pool;
  const auto begin = reinterpret_cast<std::uintptr_t>(&pool);
  for (int i = 0; i < 7; ++i) {
    const auto place = reinterpret_cast<std::uintptr_t>(pool.acquire(i));
    EXPECT_EQ(place % 64, 0U);
    EXPECT_LE(place - begin, sizeof pool - sizeof(Aligned));
  }
  EXPECT_EQ(pool.available(), 0U);
  EXPECT_EQ(Aligned::alive, 7);
}

TEST(FixedObjectPool, DestroysWhatIsStillAcquired) {
  {
    FixedObjectPool<Aligned, 3> pool;
    Aligned* const first = pool.acquire(1);
    ASSERT_NE(pool.acquire(2), nullptr);
    EXPECT_TRUE(pool.release(first));
    EXPECT_EQ(Aligned::alive, 1);
  }
  EXPECT_EQ(Aligned::alive, 0);
}

TEST(FixedObjectPool, RefusesWhatIsNotAcquired) {
  FixedObjectPool<int, 4> pool;
  int foreign = 0;
  int not_acquired = 0;
  std::pair<int*, int*> counts{&foreign, &not_acquired};
  pool.on_misuse(
      [](void* context, PoolMisuse kind, const void*) {
        auto& [of_foreign, of_others] = *static_cast<std::pair<int*, int*>*>(context);
        ++*(kind == PoolMisuse::kForeign ? of_foreign : of_others);
      },
      &counts);
  int* const one = pool.acquire(1);
  const PoolHandle handle = pool.handle_of(one);
  EXPECT_EQ(pool.get(handle), one);
  EXPECT_TRUE(pool.release(handle));
  EXPECT_FALSE(pool.release(one));
  EXPECT_FALSE(pool.release(handle));
  EXPECT_FALSE(pool.release(&foreign));
  EXPECT_FALSE(pool.release(nullptr));
  EXPECT_EQ(not_acquired, 2);
  EXPECT_EQ(foreign, 2);
  EXPECT_EQ(pool.available(), 4U);
  {
    const auto scoped = pool.scoped(5);
    EXPECT_EQ(*scoped, 5);
    EXPECT_EQ(pool.available(), 3U);
    EXPECT_EQ(scoped.get(), one);
  }
  EXPECT_EQ(pool.available(), 4U);
}

TEST(FixedObjectPool, KeepsObjects) {
  FixedObjectPool<std::string, 2, weir::Keep<weir::AsItWas>> pool;
  std::string* const text = pool.acquire("a text that is too long for the string itself");
  EXPECT_TRUE(pool.release(text));
  EXPECT_EQ(pool.acquire("unused"), text);
  EXPECT_EQ(text->size(), 45U);
}

}  // namespace
