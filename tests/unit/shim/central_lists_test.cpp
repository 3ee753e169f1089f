// The shared half of a pool against a model: whose each block is, and what its spans come to.
#include "shim/route/central_lists.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <unordered_set>
#include <vector>

#include "tests/unit/shim/pools_model.hpp"

namespace weir {
namespace {

using CentralLists = PoolTest;

TEST(Bins, ArePoolAndClass) {
  std::vector<bool> seen(kMostBins);
  for (unsigned pool = 0; pool < kMostPools; ++pool) {
    for (unsigned c = 0; c < kSizeClasses; ++c) {
      const BinIndex bin = bin_of(pool, c);
      ASSERT_TRUE(bin != kNoKind && bin < kFirstOtherKind);
      EXPECT_EQ(pool_of_bin(bin), pool);
      EXPECT_EQ(class_of_bin(bin), c);
      EXPECT_FALSE(seen.at(bin));
      seen[bin] = true;
    }
  }
}

TEST(Bins, SpansHoldEightBlocksAndTheirBits) {
  for (unsigned c = 0; c < kSizeClasses; ++c) {
    const unsigned blocks = blocks_of_span(bin_of(0, c));
    EXPECT_GE(blocks, 8u);
    EXPECT_LE(blocks, 8 * sizeof(SpanBits));
  }
}

TEST_F(CentralLists, HandEachBlockOutOnce) {
  for (unsigned c = 0; c < kSizeClasses; ++c) {
    const BinIndex bin = bin_of(pool_, c);
    const std::size_t want = blocks_of_span(bin) * 5 + 3;
    Blocks blocks = take_all(bin, want);
    ASSERT_EQ(blocks.size(), want);
    for (const void* block : blocks) ASSERT_TRUE(is_in_place(bin, block));
    std::ranges::sort(blocks);
    for (std::size_t i = 1; i < want; ++i) {
      ASSERT_GE(number(blocks[i]) - number(blocks[i - 1]), size_of_class(c));
    }
    // No room is left between them: as many spans as they need.
    std::unordered_set<UnitIndex> in;
    for (const void* block : blocks) in.insert(span_of(block));
    EXPECT_EQ(in.size(), 6u);
    give(bin, blocks);
  }
}

TEST_F(CentralLists, HandNewOnesOutInTheOrderOfAddresses) {
  for (const std::size_t bytes : {16u, 48u, 1024u, 20480u}) {
    const BinIndex bin = bin_for(bytes);
    const Blocks blocks = take_all(bin, 3 * blocks_of_span(bin));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const bool first = i % blocks_of_span(bin) == 0;
      ASSERT_EQ(number(blocks[i]),
                first ? number(unit_address(span_of(blocks[i]))) : number(blocks[i - 1]) + bytes);
    }
    give(bin, blocks);
  }
}

TEST_F(CentralLists, HandSpansOutInTheOrderOfAddressesAfterATrim) {
  const BinIndex bin = bin_for(64);
  Blocks blocks = take_all(bin, blocks_of_span(bin));
  std::mt19937 random(1);
  std::ranges::shuffle(blocks, random);
  const Blocks kept(blocks.begin(), blocks.begin() + 50);
  Blocks freed(blocks.begin() + 50, blocks.end());
  give(bin, freed);
  trim_pools(kMostPools);
  std::ranges::sort(freed);
  EXPECT_EQ(take_all(bin, freed.size()), freed);
  give(bin, blocks);
}

TEST_F(CentralLists, HandOutTheNewestFirst) {
  const BinIndex bin = bin_for(100);
  Blocks blocks = take(bin, 20);
  ASSERT_EQ(blocks.size(), 20u);
  std::mt19937 random(2);
  std::ranges::shuffle(blocks, random);
  give(bin, blocks);
  EXPECT_EQ(take(bin, 5), Blocks(blocks.end() - 5, blocks.end()));
  EXPECT_EQ(take(bin, 15), Blocks(blocks.begin(), blocks.end() - 5));
  give(bin, blocks);
}

TEST_F(CentralLists, GiveLessRatherThanASpanMore) {
  const BinIndex bin = bin_for(kMostPooled);
  Blocks blocks = take(bin, 6);
  ASSERT_EQ(blocks.size(), 6u);
  const Blocks rest = take(bin, 6);  // of the eight of a span
  EXPECT_EQ(rest.size(), 2u);
  EXPECT_EQ(spans(), 1u);
  give(bin, blocks);
  give(bin, rest);
}

TEST_F(CentralLists, LetEmptySpansGo) {
  const BinIndex bin = bin_for(1024);
  const Blocks blocks = take_all(bin, 100 * blocks_of_span(bin));
  EXPECT_EQ(spans(), 100u);
  EXPECT_EQ(pool_use(pool_).span_bytes, 100 * bytes_of_span(bin));
  EXPECT_GE(pool_use(pool_).peak_span_bytes, 100 * bytes_of_span(bin));
  give(bin, {blocks.begin(), blocks.end() - 1});
  // What is kept at hand, 256 KiB, and the only span with a block to give.
  const std::uint64_t at_hand = (std::uint64_t{256} << 10) / bytes_of_span(bin);
  EXPECT_GE(spans(), at_hand);
  EXPECT_LE(spans(), at_hand + 2);
  EXPECT_EQ(pool_use(pool_).span_bytes, spans() * bytes_of_span(bin));
  trim_pools(kMostPools);
  EXPECT_EQ(spans(), 1u);
  give(bin, {blocks.back()});
  trim_pools(kMostPools);
  EXPECT_EQ(spans(), 0u);
  EXPECT_NE(tag_of(unit_of(blocks.back())).kind(), bin);
}

// A program at the edge of a span would take and give it again and again.
TEST_F(CentralLists, KeepTheOnlySpanOfABin) {
  const BinIndex bin = bin_for(kMostPooled);
  const Blocks blocks = take_all(bin, 3 * blocks_of_span(bin));
  for (void* block : blocks) give(bin, {block});  // sixteen are kept at hand, then those of the last span
  EXPECT_EQ(spans(), 3u);
}

// All at one bin, with nothing to do between.
TEST_F(CentralLists, ThreadsLoseNoBlock) {
  const BinIndex bin = bin_for(1024);
  std::atomic<std::size_t> refused{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([&] {
      for (int step = 0; step < 1'000'000; ++step) {
        void* block[2];
        const unsigned count = take_blocks(bin, 2, block);
        refused += count == 0;
        give_blocks(bin, block, count);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 0u);
  EXPECT_LE(spans(), 1u);  // sixteen blocks are enough
}

TEST_F(CentralLists, TrimOnlyThePoolsThatAreNamed) {
  const BinIndex bin = bin_for(512);
  const Blocks blocks = take(bin, 1);
  give(bin, blocks);
  trim_pools(pool_);  // those before it
  EXPECT_EQ(spans(), 1u);
  trim_pools(pool_ + 1);
  EXPECT_EQ(spans(), 0u);
}

TEST_F(CentralLists, RefuseAtTheCapacityUntilBlocksComeBack) {
  const BinIndex bin = bin_for(256);
  const BinIndex other = bin_for(2048);
  limit({.capacity = 4 * bytes_of_span(bin), .retain = 0, .huge = false});
  Blocks blocks = take_all(bin, 1'000'000);
  EXPECT_EQ(blocks.size(), 4 * blocks_of_span(bin));
  EXPECT_EQ(pool_use(pool_).span_bytes, 4 * bytes_of_span(bin));
  EXPECT_TRUE(take(bin, 1).empty());
  EXPECT_TRUE(take(other, 1).empty());
  EXPECT_EQ(pool_use(pool_).span_bytes, 4 * bytes_of_span(bin));

  const Blocks some(blocks.end() - 7, blocks.end());
  give(bin, some);
  EXPECT_EQ(take_all(bin, 100).size(), 7u);
  give(bin, blocks);
  EXPECT_TRUE(take(other, 1).empty());
  trim_pools(kMostPools);
  Blocks others = take_all(other, 1'000'000);
  EXPECT_EQ(others.size(), 4 * blocks_of_span(other));
  give(other, others);
}

TEST_F(CentralLists, RetainEmptySpansUpToTheLimit) {
  const BinIndex bin = bin_for(1024);
  constexpr unsigned kRetained = 10;
  const std::uint64_t at_hand = (std::uint64_t{256} << 10) / bytes_of_span(bin);
  limit({.capacity = 0, .retain = kRetained * bytes_of_span(bin), .huge = false});
  for (int round = 0; round < 5; ++round) {
    const Blocks blocks = take_all(bin, 64 * blocks_of_span(bin));
    EXPECT_EQ(spans(), 64u);
    give(bin, blocks);
    EXPECT_GE(spans(), at_hand + kRetained) << round;
    EXPECT_LE(spans(), at_hand + kRetained + 1) << round;
    // They are the next to be used.
    const std::uint64_t before = spans();
    const Blocks again = take_all(bin, before * blocks_of_span(bin));
    EXPECT_EQ(again.size(), before * blocks_of_span(bin));
    EXPECT_EQ(spans(), before);
    give(bin, again);
    if (round % 2 == 0) trim_pools(kMostPools);  // then they are not counted any more
  }
}

TEST_F(CentralLists, RandomOnesAgainstAModel) {
  const unsigned classes[] = {0, 3, 9, 17, 25, 33, kSizeClasses - 1};
  for (unsigned seed = 1; seed <= 3; ++seed) {
    std::mt19937_64 random(seed);
    limit({.capacity = 0, .retain = seed == 2 ? 256u << 10 : 0, .huge = false});
    std::unordered_set<void*> out;
    std::vector<Blocks> mine(kSizeClasses);
    for (int step = 0; step < 6000; ++step) {
      const unsigned c = classes[random() % std::size(classes)];
      const BinIndex bin = bin_of(pool_, c);
      Blocks& have = mine[c];
      if (random() % 2 == 0 && have.size() < 20'000) {
        for (void* block : take(bin, static_cast<unsigned>(random() % 300 + 1))) {
          ASSERT_TRUE(out.insert(block).second) << "handed out twice";
          ASSERT_TRUE(is_in_place(bin, block));
          // All of it is ours to write, and nobody else writes there.
          static_cast<std::uint64_t*>(block)[0] = number(block);
          static_cast<std::uint64_t*>(block)[size_of_class(c) / 8 - 1] = number(block);
          have.push_back(block);
        }
      } else {
        std::ranges::shuffle(have, random);
        const std::size_t count = std::min<std::size_t>(have.size(), random() % 400);
        const Blocks back(have.end() - static_cast<std::ptrdiff_t>(count), have.end());
        have.resize(have.size() - count);
        for (void* block : back) {
          out.erase(block);
          ASSERT_EQ(static_cast<std::uint64_t*>(block)[0], number(block));
          ASSERT_EQ(static_cast<std::uint64_t*>(block)[size_of_class(c) / 8 - 1], number(block));
        }
        give(bin, back);
      }
      if (step % 700 == 699) trim_pools(kMostPools);
    }
    trim_pools(kMostPools);
    std::unordered_set<UnitIndex> in;
    std::uint64_t bytes = 0;
    for (const void* block : out) {
      if (in.insert(span_of(block)).second) bytes += kUnitBytes << info_of(span_of(block)).order;
    }
    EXPECT_EQ(spans(), in.size());
    EXPECT_EQ(pool_use(pool_).span_bytes, bytes);
    for (unsigned c = 0; c < kSizeClasses; ++c) give(bin_of(pool_, c), mine[c]);
    trim_pools(kMostPools);
    EXPECT_EQ(spans(), 0u);
  }
}

// Whoever has a block has it alone: a flag for each 16 bytes of the zone that this process has come to.
TEST_F(CentralLists, ThreadsExchangeBlocks) {
  constexpr unsigned kThreads = 4;
  constexpr int kSteps = 10'000;
  constexpr std::size_t kFlags = std::size_t{1} << 24;  // of 256 MiB
  const auto taken = std::make_unique<std::atomic<unsigned char>[]>(kFlags);
  const auto flag_of = [&](const void* block) -> std::atomic<unsigned char>& {
    return taken[(number(block) - kRouteBase) / kGranule % kFlags];
  };
  // Blocks that one thread took and another will give.
  std::atomic<void*> handed[kSizeClasses][64]{};
  std::atomic<std::size_t> twice{0}, wrong{0}, refused{0};
  const auto give_mine = [&](BinIndex bin, const Blocks& blocks) {
    for (const void* block : blocks) wrong += flag_of(block).exchange(0, std::memory_order_relaxed) == 0;
    give(bin, blocks);
  };
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < kThreads; ++id) {
    threads.emplace_back([&, id] {
      std::mt19937 random(id);
      const unsigned classes[] = {1, 7, 20, 30};
      std::vector<Blocks> mine(kSizeClasses);
      for (int step = 0; step < kSteps; ++step) {
        const unsigned c = classes[random() % std::size(classes)];
        const BinIndex bin = bin_of(pool_, c);
        Blocks& have = mine[c];
        if (random() % 2 == 0 && have.size() < 1000) {
          const Blocks got = take(bin, batch_of_class(c));
          refused += got.empty();
          for (void* block : got) {
            twice += flag_of(block).exchange(1, std::memory_order_relaxed);
            wrong += !is_in_place(bin, block);
          }
          have.insert(have.end(), got.begin(), got.end());
        } else {
          for (auto& slot : handed[c]) {
            if (have.empty()) break;
            have.back() = slot.exchange(have.back(), std::memory_order_acq_rel);
            if (have.back() == nullptr) have.pop_back();
          }
          const std::size_t count = std::min<std::size_t>(have.size(), random() % 200);
          const Blocks back(have.end() - static_cast<std::ptrdiff_t>(count), have.end());
          have.resize(have.size() - count);
          give_mine(bin, back);
        }
        if (step % 512 == 0) trim_pools(kMostPools);
      }
      for (unsigned c = 0; c < kSizeClasses; ++c) give_mine(bin_of(pool_, c), mine[c]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(twice, 0u);
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(refused, 0u);
  for (unsigned c = 0; c < kSizeClasses; ++c) {
    for (auto& slot : handed[c]) {
      if (void* block = slot.load()) give(bin_of(pool_, c), {block});
    }
  }
}

// Threads that ask past the capacity get nothing or what there is, never more.
TEST_F(CentralLists, ThreadsShareTheCapacity) {
  const BinIndex bin = bin_for(1024);
  const std::uint64_t most = 8 * bytes_of_span(bin);
  limit({.capacity = most, .retain = 0, .huge = false});
  std::atomic<std::int64_t> out{0};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      std::mt19937 random(id);
      Blocks have;
      for (int step = 0; step < 20'000; ++step) {
        if (random() % 3 != 0) {
          const Blocks got = take(bin, 8);
          const auto count = static_cast<std::int64_t>(got.size());
          wrong += static_cast<std::uint64_t>(out.fetch_add(count) + count) > most / 1024;
          have.insert(have.end(), got.begin(), got.end());
        } else {
          out -= static_cast<std::int64_t>(have.size());
          give(bin, have);
          have.clear();
          if (step % 64 == 0) trim_pools(kMostPools);
        }
      }
      out -= static_cast<std::int64_t>(have.size());
      give(bin, have);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_LE(pool_use(pool_).span_bytes, most);
  trim_pools(kMostPools);
  const Blocks all = take_all(bin, 1'000'000);
  EXPECT_EQ(all.size(), 8 * blocks_of_span(bin));  // nothing was lost
  give(bin, all);
}

}  // namespace
}  // namespace weir
