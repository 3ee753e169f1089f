// Pools of objects: Pool<T> and IntrusivePool.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/pool.hpp"
#include "tests/unit/core/pool_backing.hpp"

using weir::AsItWas;
using weir::ConstructEach;
using weir::IntrusivePool;
using weir::Keep;
using weir::Pool;
using weir::PoolHandle;
using weir::PoolMisuse;
using weir::Scoped;
using weir::test::CountedHeap;

namespace {

struct Counted {
  static inline int made = 0;
  static inline int alive = 0;
  int value;
  std::string text;
  explicit Counted(int v = 7) noexcept : value(v), text(40, 'x') {
    ++made;
    ++alive;
  }
  Counted(const Counted&) = delete;
  ~Counted() { --alive; }
};

class ObjectPool : public ::testing::Test {
 protected:
  void SetUp() override { Counted::made = Counted::alive = 0; }
  void TearDown() override { EXPECT_EQ(Counted::alive, 0); }
  CountedHeap heap_;
};

struct Misuses {
  std::vector<std::pair<PoolMisuse, const void*>> seen;
  static void hear(void* context, PoolMisuse kind, const void* object) {
    static_cast<Misuses*>(context)->seen.emplace_back(kind, object);
  }
};

}  // namespace

TEST_F(ObjectPool, ConstructsAtAcquireAndDestroysAtRelease) {
  Pool<Counted, CountedHeap> pool(heap_);
  EXPECT_EQ(heap_.calls, 0U);
  Counted* a = pool.acquire(1);
  Counted* b = pool.acquire(2);
  EXPECT_EQ(a->value, 1);
  EXPECT_EQ(b->value, 2);
  EXPECT_EQ(Counted::alive, 2);
  EXPECT_TRUE(pool.release(a));
  EXPECT_EQ(Counted::alive, 1);
  EXPECT_EQ(pool.acquire(3), a) << "the place that was released last is used next";
  EXPECT_EQ(a->value, 3);
  EXPECT_EQ(pool.in_use(), 2U);
  pool.release(a);
  pool.release(b);
}

TEST_F(ObjectPool, DestroysWhatIsLeft) {
  {
    Pool<Counted, CountedHeap> pool(heap_);
    for (int i = 0; i < 500; ++i) {
      Counted* object = pool.acquire(i);
      if (i % 3 == 0) pool.release(object);
    }
    EXPECT_GT(Counted::alive, 300);
  }
  EXPECT_EQ(Counted::alive, 0);
}

TEST_F(ObjectPool, ObjectsMayReleaseEachOtherWhenThePoolGoes) {
  struct Linked {
    Pool<Linked, CountedHeap>* pool;
    Linked* other = nullptr;
    Counted counted;
    explicit Linked(Pool<Linked, CountedHeap>* p) noexcept : pool(p) {}
    ~Linked() {
      if (other != nullptr) pool->release(other);
    }
  };
  {
    Pool<Linked, CountedHeap> pool(heap_);
    Linked* first = pool.acquire(&pool);
    Linked* second = pool.acquire(&pool);
    first->other = second;
    second->other = first;
    EXPECT_EQ(Counted::alive, 2);
  }
  EXPECT_EQ(Counted::alive, 0) << "each is destroyed once";
}

TEST_F(ObjectPool, RefusesASecondReleaseAndForeignAddresses) {
  Pool<Counted, CountedHeap> pool(heap_);
  Pool<Counted, CountedHeap> other(heap_);
  Misuses misuses;
  pool.on_misuse(Misuses::hear, &misuses);
  Counted* object = pool.acquire();
  Counted* of_other = other.acquire();
  Counted on_stack;
  auto* inside = reinterpret_cast<Counted*>(reinterpret_cast<std::byte*>(object) + 8);

  EXPECT_TRUE(pool.release(object));
  EXPECT_FALSE(pool.release(object));
  EXPECT_FALSE(pool.release(of_other));
  EXPECT_FALSE(pool.release(&on_stack));
  EXPECT_FALSE(pool.release(nullptr));
  EXPECT_FALSE(pool.release(inside));
  EXPECT_FALSE(pool.release(object + 100));
  EXPECT_EQ(pool.in_use(), 0U);
  ASSERT_EQ(misuses.seen.size(), 6U);
  EXPECT_EQ(misuses.seen[0], std::pair(PoolMisuse::kNotAcquired, static_cast<const void*>(object)));
  EXPECT_EQ(misuses.seen[1], std::pair(PoolMisuse::kForeign, static_cast<const void*>(of_other)));
  for (std::size_t i = 2; i < 6; ++i) EXPECT_EQ(misuses.seen[i].first, PoolMisuse::kForeign);

  std::set<Counted*> distinct;
  for (int i = 0; i < 10; ++i) distinct.insert(pool.acquire());
  EXPECT_EQ(distinct.size(), 10U) << "a refused release has no effect";
  for (Counted* each : distinct) EXPECT_TRUE(pool.release(each));
}

TEST_F(ObjectPool, RefusesAReleaseFromTheDestructorOfTheObject) {
  struct Selfish {
    Pool<Selfish, CountedHeap>* pool;
    bool* refused;
    Selfish(Pool<Selfish, CountedHeap>* p, bool* r) noexcept : pool(p), refused(r) {}
    ~Selfish() { *refused = !pool->release(this); }
  };
  Pool<Selfish, CountedHeap> pool(heap_);
  bool refused = false;
  EXPECT_TRUE(pool.release(pool.acquire(&pool, &refused)));
  EXPECT_TRUE(refused);
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST_F(ObjectPool, AHandleMeansOneObjectOnly) {
  Pool<Counted, CountedHeap> pool(heap_);
  EXPECT_EQ(pool.get(PoolHandle{}), nullptr);
  std::vector<PoolHandle> old;
  std::vector<Counted*> objects;
  for (int i = 0; i < 300; ++i) objects.push_back(pool.acquire(i));
  for (Counted* object : objects) old.push_back(pool.handle_of(object));
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(pool.get(old[i]), objects[i]);
    EXPECT_EQ(pool.get(old[i])->value, i);
  }
  EXPECT_EQ(std::set<std::size_t>([&] {
              std::set<std::size_t> indices;
              for (PoolHandle handle : old) indices.insert(handle.index);
              return indices;
            }())
                .size(),
            300U);
  for (PoolHandle handle : old) {
    EXPECT_TRUE(pool.release(handle));
    EXPECT_EQ(pool.get(handle), nullptr);
    EXPECT_EQ(pool.get({handle.index, handle.generation + 1}), nullptr) << "the generation of a free place";
    EXPECT_FALSE(pool.release(handle));
  }
  EXPECT_EQ(pool.handle_of(objects[0]), PoolHandle{});
  for (int i = 0; i < 300; ++i) pool.acquire(i);
  for (PoolHandle handle : old) EXPECT_EQ(pool.get(handle), nullptr) << "its place is used again";
  EXPECT_EQ(pool.get(PoolHandle{old[0].index, old[0].generation + 1}), nullptr);
  EXPECT_EQ(pool.get(PoolHandle{12345678, 1}), nullptr);
}

TEST_F(ObjectPool, AHandleOutlivesTheSlabOfItsObject) {
  Pool<Counted, CountedHeap> pool(heap_);
  for (int round = 0; round < 20; ++round) {
    Counted* object = pool.acquire();
    const PoolHandle handle = pool.handle_of(object);
    pool.release(object);
    EXPECT_GT(pool.trim(), 0U);
    EXPECT_EQ(pool.get(handle), nullptr);
    Counted* next = pool.acquire();  // mostly at the same address
    EXPECT_EQ(pool.get(handle), nullptr);
    pool.release(next);
    pool.trim();
  }
}

TEST_F(ObjectPool, ScopedReleasesOnceAndMoves) {
  using P = Pool<Counted, CountedHeap>;
  static_assert(!std::is_copy_constructible_v<Scoped<Counted, P>>);
  P pool(heap_, {.limit = 2});
  {
    auto a = pool.scoped(5);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->value, 5);
    EXPECT_EQ((*a).text.size(), 40U);
    auto b = std::move(a);
    EXPECT_FALSE(a);  // NOLINT: what a move leaves is part of the promise
    EXPECT_EQ(pool.in_use(), 1U);
    auto c = pool.scoped(6);
    EXPECT_FALSE(pool.scoped(7)) << "the limit";
    b = std::move(c);
    EXPECT_EQ(b->value, 6);
    EXPECT_EQ(pool.in_use(), 1U);
    b = std::move(*&b);
    EXPECT_EQ(b->value, 6);
    Counted* mine = b.detach();
    EXPECT_FALSE(b);
    EXPECT_EQ(pool.in_use(), 1U);
    EXPECT_TRUE(pool.release(mine));
    auto d = pool.scoped();
    d.reset();
    d.reset();
    EXPECT_EQ(pool.in_use(), 0U);
    d = pool.scoped();
  }
  EXPECT_EQ(pool.in_use(), 0U);
}

TEST_F(ObjectPool, KeepsObjectsAndResetsThem) {
  struct Clear {
    int* calls;
    void operator()(Counted& object) const noexcept {
      object.text.clear();
      ++*calls;
    }
  };
  int resets = 0;
  Pool<Counted, CountedHeap, Keep<Clear>> pool(heap_, {}, {{&resets}});
  Counted* a = pool.acquire(1);
  a->text = "something";
  EXPECT_TRUE(pool.release(a));
  EXPECT_EQ(resets, 1);
  EXPECT_EQ(Counted::alive, 1) << "kept";
  EXPECT_FALSE(pool.release(a));
  EXPECT_EQ(resets, 1);
  Counted* again = pool.acquire(2);
  EXPECT_EQ(again, a);
  EXPECT_EQ(again->value, 1) << "constructed once";
  EXPECT_EQ(again->text, "");
  EXPECT_EQ(Counted::made, 1);
  pool.acquire(3);
  pool.release(a);
  EXPECT_EQ(Counted::alive, 2);
}

TEST_F(ObjectPool, TrimDestroysWhatIsKept) {
  Pool<Counted, CountedHeap, Keep<AsItWas>> pool(heap_);
  std::vector<Counted*> objects;
  for (int i = 0; i < 1000; ++i) objects.push_back(pool.acquire(i));
  for (Counted* object : objects) pool.release(object);
  EXPECT_EQ(Counted::alive, 1000);
  EXPECT_GT(pool.trim(), 0U);
  EXPECT_EQ(Counted::alive, 0);
  EXPECT_EQ(heap_.blocks(), 0U);
  Counted* object = pool.acquire(5);
  EXPECT_EQ(object->value, 5);
}

TEST_F(ObjectPool, WarmUpAndCounts) {
  Pool<Counted, CountedHeap> pool(heap_, {.limit = 64});
  EXPECT_TRUE(pool.warm_up(64));
  EXPECT_EQ(Counted::made, 0);
  EXPECT_EQ(pool.capacity(), 64U);
  heap_.largest = 0;
  for (int i = 0; i < 64; ++i) EXPECT_NE(pool.acquire(), nullptr);
  EXPECT_EQ(pool.acquire(), nullptr);
  EXPECT_EQ(pool.high_water_mark(), 64U);
  EXPECT_EQ(pool.limit(), 64U);
}

TEST_F(ObjectPool, HoldsSmallAndStrictlyAlignedObjects) {
  struct alignas(128) Wide {
    std::array<char, 3> bytes;
  };
  Pool<char, CountedHeap> small(heap_);
  Pool<Wide, CountedHeap> wide(heap_);
  Pool<char, CountedHeap, Keep<AsItWas>> kept(heap_);
  for (int i = 0; i < 100; ++i) {
    char* c = small.acquire('a');
    EXPECT_EQ(*c, 'a');
    EXPECT_EQ(weir::address_of(wide.acquire()) % 128, 0U);
    char* k = kept.acquire('k');
    if (i % 2 == 0) {
      EXPECT_TRUE(small.release(c));
      EXPECT_TRUE(kept.release(k));
      k = kept.acquire('x');
      EXPECT_EQ(*k, 'k');
      EXPECT_TRUE(kept.release(k));
    }
  }
}

TEST_F(ObjectPool, APoolForEachThread) {
  static CountedHeap heap;
  thread_local Pool<Counted, CountedHeap> pool(heap);
  EXPECT_TRUE(pool.release(pool.acquire()));
  pool.trim();
}

namespace {

struct Job {
  static inline int alive = 0;
  int number;
  Job* next = nullptr;
  explicit Job(int n) noexcept : number(n) { ++alive; }
  ~Job() { --alive; }
};

struct Renumber {
  void operator()(Job& job) const noexcept { job.number = -job.number; }
};

}  // namespace

TEST(IntrusivePool, LinksThroughTheMemberAndKeepsObjects) {
  CountedHeap heap;
  {
    IntrusivePool<Job, &Job::next, CountedHeap, Renumber> jobs(heap, {.limit = 3});
    Job* a = jobs.acquire(1);
    Job* b = jobs.acquire(2);
    const std::size_t gap = weir::sanitizer::active() ? weir::sanitizer::kGap : 0;
    EXPECT_EQ(weir::address_of(b) - weir::address_of(a), sizeof(Job) + gap) << "no room but its own";
    jobs.release(a);
    jobs.release(b);
    {
      const weir::sanitizer::Access access(b, sizeof(Job));
      EXPECT_EQ(b->next, a);
      EXPECT_EQ(b->number, -2);
    }
    EXPECT_EQ(Job::alive, 2);
    EXPECT_EQ(jobs.acquire(9), b);
    EXPECT_EQ(b->number, -2) << "constructed once";
    {
      auto c = jobs.scoped(10);
      auto d = jobs.scoped(11);
      EXPECT_EQ(c.get(), a);
      EXPECT_EQ(d->number, 11);
      EXPECT_FALSE(jobs.scoped(12));
    }
    EXPECT_EQ(jobs.in_use(), 1U);
    EXPECT_EQ(jobs.high_water_mark(), 3U);
    EXPECT_EQ(Job::alive, 3);
    EXPECT_EQ(jobs.trim(), 0U);
    jobs.release(b);
    EXPECT_GT(jobs.trim(), 0U);
    EXPECT_EQ(Job::alive, 0);
    EXPECT_TRUE(jobs.owns(jobs.acquire(4)));
  }
  EXPECT_EQ(Job::alive, 0);
}
