// WordMap and Zone, with threads at them: also under TSan. (There the zones' own places belong to TSan, and
// every mapping is a stray.)
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

#include "shim/base/spin_lock.hpp"
#include "shim/base/word_map.hpp"
#include "shim/base/zones.hpp"

namespace weir {
namespace {

// Different for every key, and never 0.
std::uint64_t value_of(std::uint64_t key) {
  return (key * 0x9e3779b97f4a7c15u) | 1;
}

TEST(WordMap, IsEmptyAtFirst) {
  const WordMap map;
  EXPECT_EQ(map.find(1), 0u);
  EXPECT_EQ(map.find(~std::uint64_t{0}), 0u);
}

TEST(WordMap, KeepsAMillionEntriesWhileItGrows) {
  constexpr std::uint64_t kCount = 1'000'000;
  WordMap map;
  for (std::uint64_t i = 1; i <= kCount; ++i) {
    const std::uint64_t key = 0x7f0000000000 + i * 16;  // as addresses are: alike in most bits
    map.insert(key, value_of(key));
    if ((i & (i - 1)) == 0) {
      ASSERT_EQ(map.find(0x7f0000000010), value_of(0x7f0000000010)) << i;
    }
  }
  std::uint64_t wrong = 0;
  for (std::uint64_t i = 1; i <= kCount; ++i) {
    const std::uint64_t key = 0x7f0000000000 + i * 16;
    wrong += map.find(key) != value_of(key) || map.find(key + 8) != 0;
  }
  EXPECT_EQ(wrong, 0u);
}

TEST(WordMap, IsAMap) {
  std::mt19937_64 random(3);
  WordMap map;
  std::unordered_map<std::uint64_t, std::uint64_t> reference;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t key = random() % 30'000 + 1;
    const std::uint64_t value = random() | 1;
    map.insert(key, value);
    reference[key] = value;
  }
  const auto dead = [](std::uint64_t value) { return value % 3 == 0; };
  map.forget_if(dead);
  std::size_t forgotten = std::erase_if(reference, [&](const auto& entry) { return dead(entry.second); });
  EXPECT_GT(forgotten, 0u);
  std::size_t seen = 0;
  map.for_each([&](std::uint64_t key, std::uint64_t value) {
    ++seen;
    EXPECT_EQ(reference.at(key), value);
  });
  EXPECT_EQ(seen, reference.size());
  for (std::uint64_t key = 1; key <= 30'000; ++key) {
    EXPECT_EQ(map.find(key), reference.contains(key) ? reference[key] : 0);
  }
}

TEST(WordMap, IsReadWhileOneWrites) {
  constexpr std::uint64_t kCount = 200'000;
  WordMap map;
  std::atomic<std::uint64_t> written{0};
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::thread> readers;
  for (unsigned seed = 0; seed < 3; ++seed) {
    readers.emplace_back([&, seed] {
      std::mt19937_64 random(seed);
      for (std::uint64_t end = 0; end < kCount;) {
        end = written.load(std::memory_order_acquire);
        const std::uint64_t key = random() % kCount + 1;
        const std::uint64_t found = map.find(key);
        // Whole or not at all; and what was in before is found.
        if (found != 0 ? found != value_of(key) : key <= end) ++wrong;
      }
    });
  }
  for (std::uint64_t key = 1; key <= kCount; ++key) {
    map.insert(key, value_of(key));
    written.store(key, std::memory_order_release);
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0u);
}

TEST(SpinLock, LetsOneIn) {
  SpinLock lock;
  std::uint64_t count = 0;
  std::uint64_t refused = 0;
  const auto work = [&](bool nested) {
    std::uint64_t out = 0;
    for (int i = 0; i < 20'000; ++i) {
      const SpinGuard guard(lock, nested);
      if (guard.held()) {
        ++count;
      } else {
        ++out;
      }
    }
    const SpinGuard guard(lock, false);
    refused += out;
  };
  std::thread waits([&] { work(false); });
  std::thread gives_up([&] { work(true); });
  waits.join();
  gives_up.join();
  EXPECT_EQ(count + refused, 40'000u);
  EXPECT_GE(count, 20'000u);
}

TEST(SpinLock, ANestedGuardGivesUp) {
  SpinLock lock;
  const SpinGuard outer(lock, false);
  EXPECT_TRUE(outer.held());
  {
    const SpinGuard inner(lock, true);
    EXPECT_FALSE(inner.held());
  }
  EXPECT_FALSE(lock.try_lock());  // the inner one did not unlock what it had not locked
}

TEST(Zone, MapsZeroedMemoryOfItsOwn) {
  std::mt19937 random(5);
  std::vector<std::pair<char*, std::size_t>> taken;
  for (int i = 0; i < 100; ++i) {
    const std::size_t bytes = (random() % 64 + 1) * 4096;
    char* p = static_cast<char*>(table_zone.map(bytes));
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(std::all_of(p, p + bytes, [](char c) { return c == 0; }));
    std::fill(p, p + bytes, static_cast<char>(i + 1));
    EXPECT_TRUE(table_zone.holds(p) && table_zone.holds(p + bytes - 1));
    EXPECT_FALSE(heap_zone.holds(p));
    taken.emplace_back(p, bytes);
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(
                  std::count(taken[i].first, taken[i].first + taken[i].second, static_cast<char>(i + 1))),
              taken[i].second);
  }
  int on_the_stack = 0;
  EXPECT_FALSE(table_zone.holds(&on_the_stack));
  EXPECT_FALSE(table_zone.holds(nullptr));
}

TEST(Zone, RefusesNoBytesAndTooMany) {
  EXPECT_EQ(table_zone.map(0), nullptr);
  EXPECT_EQ(table_zone.map(kZoneSpan), nullptr);
  EXPECT_EQ(table_zone.map(kZoneSpan / 4 + 1), nullptr);
}

TEST(Zone, GivesEachThreadItsOwn) {
  std::vector<std::uint64_t> starts[4];
  std::vector<std::thread> threads;
  for (auto& mine : starts) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < 50; ++i) {
        auto* p = static_cast<std::uint64_t*>(heap_zone.map(8192));
        if (p == nullptr) continue;
        *p = 1;  // a page that two got would be a race
        mine.push_back(reinterpret_cast<std::uint64_t>(p));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::uint64_t> all;
  for (const auto& mine : starts) all.insert(all.end(), mine.begin(), mine.end());
  ASSERT_EQ(all.size(), 200u);
  std::sort(all.begin(), all.end());
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_GE(all[i], all[i - 1] + 8192);
}

#ifndef __SANITIZE_THREAD__
constexpr std::uint64_t kFreeZone = 0x2000'0000'0000;  // nobody's, as the zones' own places are
constexpr std::size_t kStep = kZoneGrain;

void* occupy(std::uint64_t at, std::size_t bytes) {
  return mmap(reinterpret_cast<void*>(at), bytes, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
}

TEST(Zone, StepsOverWhatIsTaken) {
  ZoneAt<kFreeZone> zone;
  ASSERT_EQ(occupy(kFreeZone + kStep, 3 * kStep), reinterpret_cast<void*>(kFreeZone + kStep));
  EXPECT_EQ(zone.map(4096), reinterpret_cast<void*>(kFreeZone));
  EXPECT_EQ(zone.map(4096), reinterpret_cast<void*>(kFreeZone + 4 * kStep));
  munmap(reinterpret_cast<void*>(kFreeZone), 5 * kStep);
}

TEST(Zone, GoesElsewhereWhereItCannotBeHad) {
  ZoneAt<kFreeZone> zone;
  ASSERT_EQ(occupy(kFreeZone, kZoneSpan / 16), reinterpret_cast<void*>(kFreeZone));
  char* stray = static_cast<char*>(zone.map(10'000));
  ASSERT_NE(stray, nullptr);
  EXPECT_FALSE(zone.has_in_place(stray));
  EXPECT_TRUE(zone.holds(stray));
  EXPECT_TRUE(zone.holds(stray + 9'999));
  EXPECT_FALSE(zone.holds(stray + 10'000));
  EXPECT_FALSE(zone.holds(stray - 1));
  stray[9'999] = 1;
  std::size_t got = 1;
  for (; zone.map(4096) != nullptr; ++got) ASSERT_LT(got, 2000u);
  EXPECT_EQ(got, 1024u);  // as many as the list has room for
  EXPECT_TRUE(zone.holds(stray));
  munmap(reinterpret_cast<void*>(kFreeZone), kZoneSpan / 16);
}

TEST(Zone, ComesRoundToItsStart) {
  ZoneAt<kFreeZone> zone;
  std::uint64_t last = 0;
  for (int i = 0; i < 3; ++i) last = zone.claim(kZoneSpan / 4);
  EXPECT_EQ(last, kFreeZone + kZoneSpan / 2);
  EXPECT_EQ(zone.claim(kZoneSpan / 2), kFreeZone);
  EXPECT_EQ(zone.claim(1), kFreeZone + kZoneSpan / 2);
}
#endif

}  // namespace
}  // namespace weir
