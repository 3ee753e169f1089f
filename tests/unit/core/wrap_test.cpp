// What each of the plain wrappers adds: Counting, Limiting, Failing, Logging, Locked.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "core/fixed_buffer.hpp"
#include "core/wrap/counting.hpp"
#include "core/wrap/failing.hpp"
#include "core/wrap/limiting.hpp"
#include "core/wrap/locked.hpp"
#include "core/wrap/logging.hpp"

namespace weir {
namespace {

constexpr Layout kWord{8, 8};

class Wrappers : public ::testing::Test {
 protected:
  FixedBufferOf<4096> buffer;
};

TEST_F(Wrappers, CountingCountsEachCallOnce) {
  Counting counting(buffer);
  void* a = counting.allocate({100, 8});
  void* b = counting.allocate({50, 8});
  EXPECT_EQ(counting.allocate({5000, 8}), nullptr);
  EXPECT_TRUE(counting.resize(b, {50, 8}, 80));
  EXPECT_FALSE(counting.resize(a, {100, 8}, 200)) << "b lies in the way";
  counting.deallocate(b, {80, 8});
  b = counting.remap(a, {100, 8}, 120);
  ASSERT_NE(b, nullptr);

  const Counts& counts = counting.counts();
  EXPECT_EQ(counts.allocations, 2U);
  EXPECT_EQ(counts.frees, 1U);
  EXPECT_EQ(counts.failures, 1U);
  EXPECT_EQ(counts.resizes, 1U);
  EXPECT_EQ(counts.remaps, 1U);
  EXPECT_EQ(counts.refusals, 1U);
  EXPECT_EQ(counts.live_blocks(), 1U);
  EXPECT_EQ(counts.live_bytes, 120U);
  EXPECT_EQ(counts.peak_bytes, 180U);
  EXPECT_EQ(counts.total_bytes, 100U + 50 + 30 + 20);

  buffer.reset();
  counting.forget_live();
  EXPECT_EQ(counts.live_blocks(), 0U);
  EXPECT_EQ(counts.live_bytes, 0U);
}

TEST_F(Wrappers, CountingOfCountingIsSpeltOut) {
  Counting inner(buffer);
  Counting<Counting<FixedBufferOf<4096>>> outer(inner);
  outer.allocate(kWord);
  EXPECT_EQ(inner.counts().allocations, 1U);
  EXPECT_EQ(outer.counts().allocations, 1U);
}

TEST_F(Wrappers, LimitingKeepsTheBudget) {
  Limiting limiting(buffer, {.live_bytes = 100});
  void* a = limiting.allocate({60, 8});
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(limiting.remaining(), 40U);
  EXPECT_EQ(limiting.allocate({41, 8}), nullptr);
  EXPECT_FALSE(limiting.resize(a, {60, 8}, 101));
  EXPECT_EQ(limiting.remap(a, {60, 8}, 101), nullptr);
  EXPECT_EQ(limiting.refused(), 3U);
  EXPECT_EQ(buffer.end_index(), 60U) << "what is refused goes no further";

  EXPECT_TRUE(limiting.resize(a, {60, 8}, 100));
  EXPECT_EQ(limiting.remaining(), 0U);
  EXPECT_NE(limiting.allocate({0, 8}), nullptr);
  a = limiting.remap(a, {100, 8}, 30);
  EXPECT_EQ(limiting.remaining(), 70U);
  limiting.deallocate(a, {30, 8});
  EXPECT_EQ(limiting.remaining(), 100U);
  EXPECT_EQ(limiting.live_bytes(), 0U);
}

TEST_F(Wrappers, LimitingLetsGoOfWhatFailsBelow) {
  Limiting limiting(buffer, {.live_bytes = 10000});
  EXPECT_EQ(limiting.allocate({5000, 8}), nullptr);
  EXPECT_EQ(limiting.remaining(), 10000U);
  EXPECT_EQ(limiting.refused(), 0U);
}

TEST_F(Wrappers, LimitingKeepsRequestsSmallAndFollowsASmallerBudget) {
  Limiting limiting(buffer, {.request = 64});
  EXPECT_EQ(limiting.allocate({65, 8}), nullptr);
  void* a = limiting.allocate({64, 8});
  ASSERT_NE(a, nullptr);
  EXPECT_FALSE(limiting.resize(a, {64, 8}, 65));
  limiting.set_limits({.live_bytes = 32});
  EXPECT_EQ(limiting.remaining(), 0U);
  EXPECT_EQ(limiting.allocate({1, 1}), nullptr);
  EXPECT_TRUE(limiting.resize(a, {64, 8}, 40)) << "less is always possible";
  limiting.deallocate(a, {40, 8});
  EXPECT_EQ(limiting.remaining(), 32U);
}

// 'x' for each request that failed, '.' for the others.
template <typename A>
std::string outcomes(A& allocator, int count) {
  std::string seen;
  for (int i = 0; i != count; ++i) {
    seen += allocator.allocate({1, 1}) == nullptr ? 'x' : '.';
  }
  return seen;
}

TEST_F(Wrappers, FailingFollowsItsPlan) {
  Failing failing(buffer, {.after = 2});
  EXPECT_EQ(outcomes(failing, 5), "..xxx");
  EXPECT_TRUE(failing.has_induced_failure());
  failing.restart({.after = 2, .times = 1});
  EXPECT_FALSE(failing.has_induced_failure());
  EXPECT_EQ(outcomes(failing, 5), "..x..");
  EXPECT_EQ(failing.induced(), 1U);
  EXPECT_EQ(failing.requests(), 5U);
  failing.restart({.every = 3});
  EXPECT_EQ(outcomes(failing, 9), "..x..x..x");
  failing.restart({.after = 3, .times = 2, .every = 2});
  EXPECT_EQ(outcomes(failing, 8), ".x.xxx.x");
  failing.restart({});
  EXPECT_EQ(outcomes(failing, 100), std::string(100, '.'));
}

TEST_F(Wrappers, FailingByChanceRepeatsWithItsSeed) {
  Failing failing(buffer, {.probability = 0.25, .seed = 7});
  const std::string first = outcomes(failing, 2000);
  EXPECT_NEAR(static_cast<double>(failing.induced()), 500, 100);
  failing.restart({.probability = 0.25, .seed = 7});
  EXPECT_EQ(outcomes(failing, 2000), first);
  buffer.reset();
  failing.restart({.probability = 0.25, .seed = 8});
  EXPECT_NE(outcomes(failing, 2000), first);
  failing.restart({.probability = 1});
  EXPECT_EQ(outcomes(failing, 4), "xxxx");
}

TEST_F(Wrappers, FailingLeavesResizeAloneUnlessAsked) {
  Failing failing(buffer, {.after = 1});
  void* a = failing.allocate(kWord);
  EXPECT_TRUE(failing.resize(a, kWord, 16));
  EXPECT_NE(failing.remap(a, kWord.with_bytes(16), 8), nullptr);
  failing.restart({.after = 0, .resize_too = true});
  EXPECT_FALSE(failing.resize(a, kWord, 16));
  EXPECT_EQ(failing.remap(a, kWord, 16), nullptr);
  EXPECT_EQ(failing.induced(), 2U);
}

TEST_F(Wrappers, LoggingTellsEachOperationWithItsResult) {
  std::vector<std::string> lines;
  TextSink sink{[](void* to, std::string_view line) noexcept {
                  static_cast<std::vector<std::string>*>(to)->emplace_back(line);
                },
                &lines};
  Logging logging(buffer, log_text(sink));
  const auto* caller = reinterpret_cast<const void*>(std::uintptr_t{0xabc});
  const auto name = [](const void* block) {
    Line line;
    return std::string(line.address(block).view());
  };
  void* a = logging.allocate({24, 8}, caller);
  logging.allocate({9999, 16}, caller);
  logging.resize(a, {24, 8}, 9999, caller);
  void* b = logging.remap(a, {24, 8}, 48, caller);
  logging.deallocate(b, {48, 8}, caller);
  const std::vector<std::string> expected = {
      "allocate 24 aligned 8: " + name(a) + ", from 0xabc",
      "allocate 9999 aligned 16: refused, from 0xabc",
      "resize " + name(a) + " 24 -> 9999 aligned 8: refused, from 0xabc",
      "remap " + name(a) + " 24 -> 48 aligned 8: " + name(b) + ", from 0xabc",
      "deallocate " + name(b) + " 48 aligned 8, from 0xabc",
  };
  EXPECT_EQ(lines, expected);
}

TEST(Text, IsCutOffAtItsCapacity) {
  TextBuffer<8> text;
  text.text("12345").number(678901);
  EXPECT_EQ(text.view(), "12345678");
  text.text("x");
  EXPECT_EQ(text.view().size(), 8U);
  Line line;
  line.number(7, 3).text("|").signed_number(-5).text("|").signed_number(INT64_MIN).text("|").address(nullptr);
  EXPECT_EQ(line.view(), "  7|-5|-9223372036854775808|0x0");
}

// Counting is not thread-safe: without the lock the counts would not add up.
template <typename Mutex>
void count_from_threads() {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kRounds = 500;
  std::size_t turns = 0;
  FixedBufferOf<4096> memory;
  Counting counting(memory);
  Locked<decltype(counting), Mutex> locked(counting);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i != kThreads; ++i) {
    threads.emplace_back([&locked, &turns] {
      for (std::size_t round = 0; round != kRounds; ++round) {
        if (void* block = locked.allocate({1, 1})) {
          locked.deallocate(block, {1, 1});
        }
        locked.with_lock([&turns](auto&) noexcept {
          const std::size_t before = turns;
          if (before % 16 == 0) {
            std::this_thread::yield();  // and nobody else gets in
          }
          turns = before + 1;
        });
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(turns, kThreads * kRounds);
  const Counts counts = locked.with_lock([](auto& below) noexcept { return below.counts(); });
  EXPECT_EQ(counts.allocations + counts.failures, kThreads * kRounds);
  EXPECT_EQ(counts.live_blocks(), 0U);
}

TEST(Locks, MakeCountsExactUnderThreads) {
  count_from_threads<std::mutex>();
  count_from_threads<SpinLock>();
}

}  // namespace
}  // namespace weir
