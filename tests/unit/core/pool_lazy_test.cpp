// LazyPool: objects that an init function makes, each when it is first needed.
#include "core/lazy_pool.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/page_allocator.hpp"
#include "tests/unit/core/pool_backing.hpp"

namespace {

using weir::LazyPool;
using weir::PoolHandle;
using weir::test::CountedHeap;

TEST(LazyPool, LazyPoolInitialization) {
  int inits = 0;
  LazyPool pool(weir::page_allocator, [&] {
    ++inits;
    return std::uint32_t{0};
  });
  ASSERT_TRUE(pool.warm_up(10));
  EXPECT_EQ(inits, 0) << "nobody has asked for one";
  std::uint32_t* const first = pool.acquire();
  EXPECT_EQ(*first, 0U);
  *first = 42;
  EXPECT_TRUE(pool.release(first));
  std::uint32_t* const second = pool.acquire();
  EXPECT_EQ(*second, 42U) << "the value stays";
  EXPECT_EQ(inits, 1);
  ASSERT_NE(pool.acquire(), nullptr);
  EXPECT_EQ(inits, 2) << "once an object";
}

struct Unmovable {
  explicit Unmovable(std::size_t size) : bytes(size, 'x') {}
  Unmovable(const Unmovable&) = delete;
  Unmovable& operator=(const Unmovable&) = delete;
  std::string bytes;
};

TEST(LazyPool, ArgumentsAreEvaluatedWhenAnObjectIsMade) {
  CountedHeap heap;
  std::size_t size = 100;
  LazyPool pool(heap, [&] { return Unmovable(size); });
  size = 200;  // the settings are read only now
  Unmovable* const first = pool.acquire();
  EXPECT_EQ(first->bytes.size(), 200U);
  EXPECT_TRUE(pool.release(first));
  size = 300;
  EXPECT_EQ(pool.acquire()->bytes.size(), 200U);
  EXPECT_EQ(pool.acquire()->bytes.size(), 300U);
}

TEST(LazyPool, ResetsLimitsTrimsAndChecks) {
  CountedHeap heap;
  int inits = 0;
  LazyPool pool(
      heap, [&] { return std::to_string(++inits); }, [](std::string& text) { text += "!"; }, {.limit = 2});
  std::string* const first = pool.acquire();
  {
    const auto second = pool.scoped();
    EXPECT_EQ(*second, "2");
    EXPECT_EQ(pool.acquire(), nullptr) << "the limit";
    EXPECT_EQ(inits, 2) << "and nothing was made";
  }
  EXPECT_EQ(*pool.acquire(), "2!");
  const PoolHandle handle = pool.handle_of(first);
  EXPECT_EQ(pool.get(handle), first);
  EXPECT_TRUE(pool.release(first));
  EXPECT_FALSE(pool.release(first));
  EXPECT_EQ(pool.get(handle), nullptr);
  EXPECT_EQ(pool.in_use(), 1U);
}

TEST(LazyPool, TrimmedOnesAreMadeAnew) {
  CountedHeap heap;
  int inits = 0;
  LazyPool pool(heap, [&] { return ++inits; });
  EXPECT_TRUE(pool.release(pool.acquire()));
  EXPECT_GT(pool.trim(), 0U);
  EXPECT_EQ(*pool.acquire(), 2);
}

}  // namespace
