// Spans of units against a model: whose each unit is, what it holds, what is left when all come back.
//
// The store is one for the process, so a test holds only for what it took itself.
#include "shim/route/units.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "tests/unit/how_much.hpp"
#include "tests/unit/shim/units_model.hpp"

namespace weir {
namespace {

// As many spans as there are without a new one from the zone; they are all zero, and are given back.
std::vector<UnitIndex> all_kept(unsigned order) {
  const std::uint64_t mapped = span_use().mapped;
  std::vector<UnitIndex> taken;
  for (;;) {
    bool zeroed = false;
    taken.push_back(take_span(order, 1, &zeroed));
    if (taken.back() == 0 || span_use().mapped != mapped) break;
    EXPECT_TRUE(zeroed);
    EXPECT_TRUE(is_zero(taken.back(), order));
  }
  if (taken.back() != 0) give_span(taken.back(), true);
  taken.pop_back();
  for (const UnitIndex first : taken) give_span(first, true);
  std::ranges::sort(taken);
  return taken;
}

TEST(Units, OrdersHoldTheirBytes) {
  EXPECT_EQ(order_of_bytes(0), 0u);
  EXPECT_EQ(order_of_bytes(kUnitBytes), 0u);
  EXPECT_EQ(order_of_bytes(kUnitBytes + 1), 1u);
  EXPECT_EQ(order_of_bytes(kUnitBytes << kMostOrder), kMostOrder);
  EXPECT_EQ(take_span(kMostOrder + 1, 1), 0u);
}

TEST(Units, AddressesAndUnitsAreTheSame) {
  const UnitIndex first = take_span(2, kChunkKind);
  ASSERT_NE(first, 0u);
  for (std::size_t offset : {std::size_t{0}, kUnitBytes - 1, kUnitBytes, 4 * kUnitBytes - 1}) {
    EXPECT_EQ(unit_of(unit_address(first) + offset), first + offset / kUnitBytes);
    EXPECT_EQ(first_unit_of(unit_of(unit_address(first) + offset)), first);
  }
  EXPECT_TRUE(is_routed(reinterpret_cast<std::uintptr_t>(unit_address(first))));
  EXPECT_FALSE(is_mapped_unit(static_cast<UnitIndex>((kRouteSpan >> kUnitShift) - 1)));
  give_span(first);
}

TEST(Units, WhatIsGivenHasNoOwner) {
  for (const bool now : {false, true}) {
    const UnitIndex first = take_span(3, kLargeKind);
    ASSERT_NE(first, 0u);
    give_span(first, now);
    for (UnitIndex i = 0; i < 8; ++i) {
      const std::uint16_t kind = tag_of(first + i).kind();
      EXPECT_TRUE(kind == kNoKind || kind == kFreeKind) << i;
    }
  }
}

TEST(Units, TheNewestIsTakenFirst) {
  trim_spans();
  const UnitIndex a = take_span(4, 1), apart = take_span(4, 1), b = take_span(4, 1);
  ASSERT_TRUE(a != 0 && apart != 0 && b != 0);
  give_span(a);
  give_span(b);
  EXPECT_EQ(take_span(4, 1), b);
  EXPECT_EQ(take_span(4, 1), a);
  for (const UnitIndex first : {a, apart, b}) give_span(first);
}

TEST(Units, UseCountsWhatIsOutAndWhatIsDirty) {
  trim_spans();
  EXPECT_EQ(span_use().dirty, 0u);
  const UnitIndex first = take_span(5, 1);
  ASSERT_NE(first, 0u);
  const std::uint64_t mapped = span_use().mapped;
  EXPECT_EQ(span_use().dirty, 0u);
  give_span(first);
  EXPECT_EQ(span_use().dirty, kUnitBytes << 5);
  const UnitIndex half = take_span(4, 1);
  EXPECT_EQ(half, first);  // the dirty one is split, and no clean one touched
  EXPECT_EQ(span_use().dirty, kUnitBytes << 4);
  give_span(half, true);
  EXPECT_EQ(span_use().dirty, kUnitBytes << 4);
  trim_spans();
  EXPECT_EQ(span_use().dirty, 0u);
  EXPECT_EQ(span_use().mapped, mapped);
}

TEST(Units, TrimGivesThePagesBackAndTheyAreZero) {
  const UnitIndex first = take_span(6, 1);
  ASSERT_NE(first, 0u);
  fill(first, 6, 1);
  EXPECT_EQ(resident(first, 6), kUnitBytes << 6);
  give_span(first);
  bool zeroed = true;
  EXPECT_EQ(take_span(6, 1, &zeroed), first);
  EXPECT_FALSE(zeroed);
  give_span(first);
  trim_spans();
  EXPECT_EQ(resident(first, 6), 0u);
  const UnitIndex again = take_span(6, 1, &zeroed);
  EXPECT_TRUE(zeroed);
  EXPECT_TRUE(is_zero(again, 6));
  give_span(again);
}

// Cut up in all ways, a span is whole again when its last part is back.
TEST(Units, BuddiesMerge) {
  constexpr unsigned kWhole = 7;
  std::mt19937 random(5);
  for (const bool now : {false, true}) {
    for (unsigned part = 0; part < kWhole; ++part) {
      trim_spans();
      const UnitIndex whole = take_span(kWhole, 1);
      ASSERT_NE(whole, 0u);
      give_span(whole, now);
      const std::uint64_t mapped = span_use().mapped;
      // Only what lies in the whole is of interest; smaller free spans elsewhere are taken first.
      std::vector<UnitIndex> inside, outside;
      while (inside.size() < std::size_t{1} << (kWhole - part)) {
        const UnitIndex first = take_span(part, 1);
        ASSERT_NE(first, 0u);
        (first >> kWhole == whole >> kWhole ? inside : outside).push_back(first);
        ASSERT_LT(outside.size(), 100'000u);
      }
      std::ranges::shuffle(inside, random);
      for (const UnitIndex first : inside) give_span(first, now);
      EXPECT_EQ(take_span(kWhole, 1), whole) << part;
      EXPECT_LE(span_use().mapped, mapped);
      give_span(whole, now);
      for (const UnitIndex first : outside) give_span(first, now);
    }
  }
}

TEST(Units, WhatAlignmentLeavesBehindIsUsed) {
  std::vector<UnitIndex> taken = {take_span(0, 1)};
  const std::uint64_t mapped = span_use().mapped;
  // All that was kept, and more, until the next is not aligned.
  while (span_use().mapped == mapped || (span_use().mapped >> kUnitShift) % 512 == 511) {
    taken.push_back(take_span(0, 1));
  }
  const std::uint64_t before = span_use().mapped;
  const UnitIndex aligned = take_span(9, 1);
  ASSERT_NE(aligned, 0u);
  std::uint64_t left = ((span_use().mapped - before) >> kUnitShift) - 512;
  EXPECT_GT(left, 0u);
  const std::uint64_t after = span_use().mapped;
  for (; left != 0; --left) taken.push_back(take_span(0, 1));
  EXPECT_EQ(span_use().mapped, after);
  taken.push_back(aligned);
  for (const UnitIndex first : taken) give_span(first, true);
}

TEST(Units, RandomOnesAgainstAModel) {
  constexpr unsigned kMost = 8;
  constexpr unsigned kWhole = 11;
  constexpr std::size_t kMostUnits = 3000;
  trim_spans();
  const UnitIndex whole = take_span(kWhole, 1);
  ASSERT_NE(whole, 0u);
  give_span(whole, true);
  const std::vector<UnitIndex> kept = all_kept(kWhole);
  ASSERT_TRUE(std::ranges::binary_search(kept, whole));
  std::size_t in_whole = 0;
  for (unsigned seed = test::times_to_repeat(2, 4); seed > 0; --seed) {
    std::mt19937 random(seed);
    SpanModel model;
    for (int step = 0; step < 8000; ++step) {
      // Grows and shrinks by turns, so that all of it is cut up and comes together again.
      const bool grow =
          model.units() + (1u << kMost) <= kMostUnits && random() % 16 < (step / 1000 % 2 ? 5 : 11);
      if (grow) {
        const auto order = static_cast<unsigned>(std::min(random() % (kMost + 1), random() % (kMost + 1)));
        ASSERT_NO_FATAL_FAILURE(model.take(order, kKinds[random() % std::size(kKinds)]));
      } else if (!model.empty()) {
        ASSERT_NO_FATAL_FAILURE(model.give_any(random, random() % 4 == 0));
      }
      if (step % 1500 == 1499) trim_spans();
      if (step % 500 == 0) {
        ASSERT_NO_FATAL_FAILURE(model.check_all());
        for (const auto& [first, span] : model.out()) in_whole += first >> kWhole == whole >> kWhole;
      }
    }
    EXPECT_GT(model.zeroed(), 100u);
    while (!model.empty()) ASSERT_NO_FATAL_FAILURE(model.give_any(random, false));
    trim_spans();
  }
  EXPECT_GT(in_whole, 100u);  // it was among what was cut up
  const std::vector<UnitIndex> kept_then = all_kept(kWhole);
  EXPECT_TRUE(std::ranges::includes(kept_then, kept));
}

TEST(Units, OldOnesGoBackWhereSomebodyLooks) {
  using std::chrono::milliseconds;
  constexpr int kLooks = 64;
  trim_spans();
  const UnitIndex used = take_span(6, 1), old = take_span(6, 1);
  ASSERT_TRUE(used != 0 && old != 0);
  fill(old, 6, 1);
  const auto start = std::chrono::steady_clock::now();
  give_span(old);
  std::this_thread::sleep_for(milliseconds(300));
  for (int i = 0; i < kLooks; ++i) look_for_old_spans();
  const std::size_t young = resident(old, 6);
  if (std::chrono::steady_clock::now() - start < milliseconds(900)) {
    EXPECT_EQ(young, kUnitBytes << 6);  // whoever asks next may have them as they are
  }
  std::this_thread::sleep_for(milliseconds(1100));
  EXPECT_EQ(resident(old, 6), kUnitBytes << 6);
  for (int i = 0; i < kLooks; ++i) look_for_old_spans();
  EXPECT_EQ(resident(old, 6), 0u);
  EXPECT_EQ(span_use().dirty, 0u);
  bool zeroed = false;
  EXPECT_EQ(take_span(6, 1, &zeroed), old);
  EXPECT_TRUE(zeroed);
  give_span(old, true);
  give_span(used, true);
}

TEST(Units, OldOnesGoBackWhereOthersComeBack) {
  trim_spans();
  const UnitIndex first = take_span(7, 1);
  ASSERT_NE(first, 0u);
  fill(first, 7, 1);
  give_span(first);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  std::vector<UnitIndex> others;
  for (int i = 0; i < 20; ++i) others.push_back(take_span(8, 2));  // too large for what is old
  for (const UnitIndex other : others) give_span(other);
  EXPECT_EQ(resident(first, 7), 0u);
  trim_spans();
}

// Each thread writes to what it has: what another had too shows, and so do tags that say something else.
TEST(Units, ThreadsGetDifferentOnes) {
  constexpr int kThreads = 4;
  const int steps = test::times_to_repeat(80'000, 200'000);
  trim_spans();
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < kThreads; ++id) {
    threads.emplace_back([&, id] {
      std::mt19937 random(id);
      struct Mine {
        UnitIndex first;
        unsigned order;
        std::uint16_t kind;
        std::uint64_t mark;
      };
      std::vector<Mine> mine;
      for (int step = 0; step < steps; ++step) {
        if (mine.size() < 24 && random() % 2 == 0) {
          Mine m{0, static_cast<unsigned>(random() % 4), kKinds[random() % std::size(kKinds)],
                 (std::uint64_t{id} << 60) + (static_cast<std::uint64_t>(step) << 32)};
          m.first = take_span(m.order, m.kind);
          if (m.first == 0) {
            ++wrong;
            continue;
          }
          wrong += !is_tagged(m.first, m.order, m.kind);
          words_of(m.first)[0] = words_of(m.first)[words_in(m.order) - 1] = m.mark;
          mine.push_back(m);
        } else if (!mine.empty()) {
          const Mine m = mine[random() % mine.size()];
          std::erase_if(mine, [&](const Mine& other) { return other.first == m.first; });
          wrong += words_of(m.first)[0] != m.mark || words_of(m.first)[words_in(m.order) - 1] != m.mark;
          wrong += !is_tagged(m.first, m.order, m.kind) || info_of(m.first).order != m.order;
          give_span(m.first, random() % 64 == 0);
        }
        if (step % 1024 == 0) trim_spans();
      }
      for (const Mine& m : mine) give_span(m.first);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  trim_spans();
  EXPECT_EQ(span_use().dirty, 0u);
}

}  // namespace
}  // namespace weir
