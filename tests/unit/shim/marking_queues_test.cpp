#include "shim/leak/marking_queues.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace weir {
namespace {

// The set beside std::set, taken from in the same order.
class BothSets {
 public:
  explicit BothSets(std::uint32_t blocks) : memory_(BlockSet::bytes_for(blocks) / sizeof(std::uint64_t)) {
    set_.initialize(memory_.data(), blocks);
  }
  void insert(std::uint32_t block) {
    set_.insert(block);
    expected_.insert(block);
  }
  // False when both are empty.
  bool take() {
    auto next = expected_.lower_bound(from_);
    if (next == expected_.end()) next = expected_.begin();
    const std::uint32_t block = set_.take();
    if (next == expected_.end()) {
      EXPECT_EQ(block, LiveBlocks::kNone);
      return false;
    }
    EXPECT_EQ(block, *next);
    from_ = *next;
    expected_.erase(next);
    return true;
  }

 private:
  std::vector<std::uint64_t> memory_;
  BlockSet set_;
  std::set<std::uint32_t> expected_;
  std::uint32_t from_ = 0;
};

TEST(BlockSet, TakesAllInTheOrderOfTheirNumbersRoundAndRound) {
  for (const std::uint32_t blocks : {1u, 2u, 63u, 64u, 65u, 4096u, 4097u, 300'000u}) {
    SCOPED_TRACE(blocks);
    std::mt19937 random(blocks);
    BothSets sets(blocks);
    EXPECT_FALSE(sets.take());
    sets.insert(blocks - 1);
    sets.insert(0);
    for (int i = 0; i < 20'000; ++i) {
      if (random() % 2 == 0) sets.insert(static_cast<std::uint32_t>(random() % blocks));
      if (random() % 2 == 0) sets.take();
    }
    while (sets.take()) {
    }
    EXPECT_FALSE(sets.take());
  }
}

TEST(BlockSet, IsFullAndEmptyAgain) {
  constexpr std::uint32_t kBlocks = 70'000;
  BothSets sets(kBlocks);
  for (int round = 0; round < 2; ++round) {
    for (std::uint32_t i = kBlocks; i-- != 0;) sets.insert(i);
    for (std::uint32_t i = 0; i < kBlocks; ++i) EXPECT_TRUE(sets.take());
    EXPECT_FALSE(sets.take());
  }
}

}  // namespace
}  // namespace weir
