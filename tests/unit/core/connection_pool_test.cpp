// ConnectionPool: one thread by a clock that is set by hand, and several that wait. Run under TSan too.
#include "core/connection_pool.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/fixed_buffer.hpp"
#include "tests/unit/core/pool_backing.hpp"

namespace {

using weir::ConnectionPool;
using weir::LeaseStatus;
using namespace std::chrono_literals;

// Of a server that may be down; neither copied nor moved.
struct Link {
  static inline std::atomic<int> open = 0;
  static inline std::atomic<int> most = 0;

  explicit Link(int number) noexcept : id(number) {
    const int now = ++open;
    int seen = most;
    while (seen < now && !most.compare_exchange_weak(seen, now)) {
    }
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { --open; }

  int id;
  int uses = 0;  // unguarded: two users at once are a race
  bool broken = false;
};

struct Server {
  std::optional<Link> open() {
    if (!*up) return std::nullopt;
    return std::optional<Link>(std::in_place, (*next)++);
  }
  bool is_well(const Link& link) const {
    ++*asked;
    return !link.broken;
  }
  void close(Link& link) const {
    EXPECT_GE(link.id, 0);
    ++*closed;
  }

  std::atomic<bool>* up;
  std::atomic<int>* next;
  std::atomic<int>* asked;
  std::atomic<int>* closed;
};

struct ByHand {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ByHand>;
  static constexpr bool is_steady = true;
  static inline time_point set{};
  static time_point now() noexcept { return set; }
};

class ConnectionPoolTest : public ::testing::Test {
 protected:
  ConnectionPoolTest() { Link::most = 0; }
  ~ConnectionPoolTest() override { EXPECT_EQ(Link::open, 0); }

  std::atomic<bool> up = true;
  std::atomic<int> next = 0;
  std::atomic<int> asked = 0;
  std::atomic<int> closed = 0;
  Server server{&up, &next, &asked, &closed};
};
using ByClock = ConnectionPool<Server, Link, weir::PageAllocator, ByHand>;

TEST_F(ConnectionPoolTest, ConnectionPool) {
  ConnectionPool pool(server);
  auto first = pool.acquire();
  auto second = pool.acquire();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->id, 0);
  EXPECT_EQ(second->id, 1);
  first.reset();
  EXPECT_FALSE(first);
  const auto third = pool.acquire();
  EXPECT_EQ(third->id, 0) << "the open one, again";
  EXPECT_EQ(pool.in_use(), 2U);
  EXPECT_EQ(pool.counts().reused, 1U);
  EXPECT_EQ(pool.counts().opened, 2U);
  EXPECT_EQ(closed, 0);
}

TEST_F(ConnectionPoolTest, UnwellOnesAreReplacedOnReuse) {
  ConnectionPool pool(server, {.limit = 1});
  pool.acquire()->broken = true;
  const auto link = pool.acquire();
  EXPECT_EQ(link->id, 1);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(closed, 1);
  EXPECT_EQ(pool.counts().unwell, 1U);
}

TEST_F(ConnectionPoolTest, DiscardedOnesAreClosedAtOnce) {
  ConnectionPool pool(server);
  auto link = pool.acquire();
  link.discard();
  link.reset();
  EXPECT_EQ(Link::open, 0);
  EXPECT_EQ(pool.counts().discarded, 1U);
  link = pool.acquire();
  EXPECT_EQ(link->id, 1);
  link.reset();
  EXPECT_EQ(pool.idle(), 1U) << "what was said of the other one is not said of this";
}

TEST_F(ConnectionPoolTest, HasAMaximumAge) {
  ByClock pool(server, {.limit = 2, .max_age = 1h});
  { const auto link = pool.acquire(); }
  ByHand::set += 59min;
  EXPECT_EQ(pool.acquire()->id, 0);
  ByHand::set += 1min;
  auto link = pool.acquire();
  EXPECT_EQ(link->id, 1) << "that of an hour ago was closed";
  EXPECT_EQ(pool.counts().expired, 1U);
  ByHand::set += 2h;
  link.reset();
  EXPECT_EQ(pool.idle(), 0U) << "too old as it comes back";
  EXPECT_EQ(closed, 2);
}

TEST_F(ConnectionPoolTest, TrustsWhatWasUsedJustNow) {
  ByClock pool(server, {.trusted = 1s});
  { const auto link = pool.acquire(); }
  { const auto link = pool.acquire(); }
  EXPECT_EQ(asked, 0);
  ByHand::set += 1s;
  { const auto link = pool.acquire(); }
  EXPECT_EQ(asked, 1);
}

TEST_F(ConnectionPoolTest, EvictsIdleOnes) {
  ByClock pool(server, {.limit = 3, .max_idle = 10min});
  auto first = pool.acquire();
  auto second = pool.acquire();
  auto third = pool.acquire();
  second.reset();
  ByHand::set += 5min;
  third.reset();
  first.reset();
  ByHand::set += 5min;
  EXPECT_EQ(pool.evict(), 1U) << "the second is idle for ten minutes";
  EXPECT_EQ(pool.acquire()->id, 0) << "used last, used next";
  EXPECT_EQ(pool.evict(1h), 0U);
  EXPECT_EQ(pool.evict(0s), 2U);
  EXPECT_EQ(Link::open, 0);
}

TEST_F(ConnectionPoolTest, TellsWhyThereIsNone) {
  ConnectionPool pool(server, {.limit = 1});
  up = false;
  EXPECT_EQ(pool.acquire().status(), LeaseStatus::kNotOpened);
  EXPECT_EQ(pool.in_use(), 0U) << "its place is free";
  up = true;
  const auto held = pool.acquire();
  EXPECT_EQ(held.status(), LeaseStatus::kGiven);
  EXPECT_EQ(pool.try_acquire().status(), LeaseStatus::kTimeout);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(pool.acquire_for(5ms).status(), LeaseStatus::kTimeout);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 5ms);
  EXPECT_EQ(pool.counts().timeouts, 2U);
  pool.shutdown();
  EXPECT_EQ(pool.acquire().status(), LeaseStatus::kShutDown);
  EXPECT_EQ(pool.try_acquire().status(), LeaseStatus::kShutDown);
  EXPECT_EQ(decltype(pool)::Lease().status(), LeaseStatus::kNone);

  weir::FixedBufferOf<16> nothing;
  ConnectionPool poor(server, {}, nothing);
  EXPECT_EQ(poor.acquire().status(), LeaseStatus::kNoMemory);
}

TEST_F(ConnectionPoolTest, ALeaseMayMove) {
  ConnectionPool pool(server);
  auto first = pool.acquire();
  auto second = pool.acquire();
  second = std::move(first);
  EXPECT_EQ(second->id, 0);
  EXPECT_EQ(pool.idle(), 1U);
  std::thread([lease = std::move(second)]() mutable { ++lease->uses; }).join();
  EXPECT_EQ(pool.idle(), 2U);
}

// Policies need no more than open.
struct Numbers {
  std::optional<int> open() { return 7; }
};

TEST_F(ConnectionPoolTest, APolicyMayOnlyOpen) {
  ConnectionPool pool(Numbers{});
  { EXPECT_EQ(*pool.acquire(), 7); }
  EXPECT_EQ(*pool.acquire(), 7);
  EXPECT_EQ(pool.counts().reused, 1U);
}

TEST_F(ConnectionPoolTest, ManyThreadsShareAFew) {
  ConnectionPool pool(server, {.limit = 3});
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < 6; ++number) {
    threads.emplace_back([&, number] {
      for (int i = 0; i < 200; ++i) {
        auto link = number % 2 == 0 ? pool.acquire() : pool.acquire_for(1h);
        ASSERT_TRUE(link);
        ++link->uses;
        ++answers;
        if (i % 50 == 7) link->broken = true;
        if (i % 50 == 9) link.discard();
        if (i % 70 == 11) pool.evict(0s);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answers, 1200);
  EXPECT_LE(Link::most, 3);
  EXPECT_EQ(pool.in_use(), 0U);
  EXPECT_EQ(pool.waiting(), 0U);
}

TEST_F(ConnectionPoolTest, WhoWaitsIsServedInTurn) {
  ConnectionPool pool(server, {.limit = 1});
  auto held = pool.acquire();
  std::vector<int> order;  // guarded by the one connection
  std::vector<std::thread> threads;
  for (int number = 0; number < 5; ++number) {
    threads.emplace_back([&, number] {
      const auto link = pool.acquire();
      order.push_back(number);
    });
    while (pool.waiting() < static_cast<std::size_t>(number) + 1) std::this_thread::yield();
  }
  EXPECT_FALSE(pool.try_acquire()) << "not past those who wait";
  held.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector{0, 1, 2, 3, 4}));
}

TEST_F(ConnectionPoolTest, OneWhoGivesUpWaitingStopsNobody) {
  ConnectionPool pool(server, {.limit = 1});
  auto held = pool.acquire();
  std::thread impatient([&] { EXPECT_FALSE(pool.acquire_for(20ms)); });
  while (pool.waiting() < 1) std::this_thread::yield();
  std::atomic<bool> served = false;
  std::thread patient([&] { served = static_cast<bool>(pool.acquire()); });
  impatient.join();
  while (pool.waiting() < 1) std::this_thread::yield();
  held.reset();
  patient.join();
  EXPECT_TRUE(served);
}

TEST_F(ConnectionPoolTest, AServerThatIsDownStopsNobodyForever) {
  ConnectionPool pool(server, {.limit = 1});
  auto held = pool.acquire();
  std::vector<std::thread> threads;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { refused += pool.acquire().status() == LeaseStatus::kNotOpened ? 1 : 0; });
  }
  while (pool.waiting() < 3) std::this_thread::yield();
  up = false;
  held.discard();
  held.reset();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 3);
}

TEST_F(ConnectionPoolTest, DrainsAtShutdown) {
  ConnectionPool pool(server, {.limit = 2});
  auto held = pool.acquire();
  auto other = pool.acquire();
  std::atomic<int> told = 0;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.emplace_back([&] { told += pool.acquire().status() == LeaseStatus::kShutDown ? 1 : 0; });
  }
  while (pool.waiting() < 2) std::this_thread::yield();
  EXPECT_FALSE(pool.drain_for(1ms)) << "two are still out";
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(told, 2);
  EXPECT_EQ(held->id, 0) << "and may be used to their end";
  other.reset();
  EXPECT_EQ(Link::open, 1) << "closed as it came back";
  std::thread returning([lease = std::move(held)]() mutable { lease.reset(); });
  EXPECT_TRUE(pool.drain_for(1h));
  returning.join();
  EXPECT_EQ(closed, 2);
}

TEST_F(ConnectionPoolTest, TheEndWaitsForLeases) {
  std::thread user;
  std::atomic<bool> used = false;
  {
    ConnectionPool pool(server);
    std::atomic<bool> has = false;
    user = std::thread([&pool, &has, &used] {
      auto link = pool.acquire();
      has = true;
      has.notify_one();
      std::this_thread::sleep_for(2ms);  // shorter or longer, the pool is there
      ++link->uses;
      used = true;
    });
    has.wait(false);
  }
  EXPECT_TRUE(used);
  user.join();
}

}  // namespace
