// Arenas of several threads that free each other's blocks, end, and take over what others left.
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "tests/unit/shim/arena_model.hpp"

namespace weir {
namespace {

using ArenaThreads = ArenaTest;

constexpr unsigned kArenaThreads = 4;

// A block says how long it is, and is filled behind that by which one it is.
struct Stamp {
  std::uint64_t bytes, mark;
};
void stamp(void* block, std::size_t bytes, unsigned mark) {
  *static_cast<Stamp*>(block) = {bytes, mark};
  fill(static_cast<Stamp*>(block) + 1, bytes - sizeof(Stamp), mark);
}
bool is_stamped(void* block) {
  const Stamp s = *static_cast<const Stamp*>(block);
  return s.bytes >= sizeof(Stamp) && s.bytes == granted(block) &&
         is_filled(static_cast<Stamp*>(block) + 1, s.bytes - sizeof(Stamp), static_cast<unsigned>(s.mark));
}

TEST_F(ArenaThreads, FreeEachOthersBlocks) {
  constexpr int kSteps = 200'000;
  std::atomic<void*> handed[256]{};
  std::atomic<std::size_t> wrong{0}, refused{0}, passed_on{0};
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < kArenaThreads; ++id) {
    threads.emplace_back([&, id] {
      std::mt19937_64 random(id);
      Lane lane{};
      lane.route = &route_;
      std::vector<void*> mine;
      const auto end = [&](void* block) {
        wrong += !is_stamped(block);
        free_block(lane, block);
      };
      for (int step = 0; step < kSteps; ++step) {
        const auto what = random() % 100;
        if (what < (step / 4000 % 2 == 0 ? 65u : 30u)) {
          const std::size_t bytes = what == 0 ? random() % 40'000 : random() % 600;
          void* const block = allocate_in(lane, bytes < 16 ? 16 : bytes);
          if (block == nullptr) {
            ++refused;
            continue;
          }
          stamp(block, granted(block), static_cast<unsigned>(random()));
          mine.push_back(block);
        } else if (!mine.empty()) {
          std::swap(mine[random() % mine.size()], mine.back());
          void* block = mine.back();
          mine.pop_back();
          if (random() % 2 == 0) {
            block = handed[random() % std::size(handed)].exchange(block, std::memory_order_acq_rel);
            passed_on += block != nullptr;
          }
          if (block != nullptr) end(block);
        }
        if (step % 9000 == 8999 && id % 2 == 0) abandon_lane(lane);
      }
      for (void* block : mine) end(block);
      abandon_lane(lane);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& slot : handed) {
    if (void* block = slot.load()) {
      wrong += !is_stamped(block);
      free(block);
    }
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(refused, 0u);
  EXPECT_GT(passed_on, 10'000u);
}

TEST_F(ArenaThreads, ComeAndGo) {
  std::atomic<void*> left[64]{};
  std::atomic<std::size_t> wrong{0};
  for (int round = 0; round < 150; ++round) {
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < kArenaThreads; ++id) {
      threads.emplace_back([&, id] {
        std::mt19937_64 random(static_cast<unsigned>(round) * kArenaThreads + id);
        Lane lane{};
        lane.route = &route_;
        for (int i = 0; i < 400; ++i) {
          void* block = allocate_in(lane, 16 + random() % 500);
          stamp(block, granted(block), static_cast<unsigned>(random()));
          if (i % 8 == 0) block = left[random() % std::size(left)].exchange(block, std::memory_order_acq_rel);
          if (block == nullptr) continue;
          wrong += !is_stamped(block);
          free_block(lane, block);
        }
        abandon_lane(lane);
      });
    }
    for (std::thread& thread : threads) thread.join();
    // A chunk for each block that was left, at worst; and those at work.
    ASSERT_LE(route_.chunks, std::size(left) + 3 * kArenaThreads) << round;
  }
  for (auto& slot : left) {
    if (void* block = slot.load()) free(block);
  }
  EXPECT_EQ(wrong, 0u);
}

// As a shared route does it: one lane for all, under its lock.
TEST_F(ArenaThreads, ShareALane) {
  lane_.shared = true;
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < kArenaThreads; ++id) {
    threads.emplace_back([&, id] {
      std::mt19937_64 random(id);
      std::vector<void*> mine;
      for (int step = 0; step < 20'000; ++step) {
        const SpinGuard guard(lane_.lock, false);
        if (random() % 2 == 0 && mine.size() < 500) {
          mine.push_back(allocate(16 + random() % 300));
          stamp(mine.back(), granted(mine.back()), static_cast<unsigned>(random()));
        } else if (!mine.empty()) {
          std::swap(mine[random() % mine.size()], mine.back());
          wrong += !is_stamped(mine.back());
          free(mine.back());
          mine.pop_back();
        }
      }
      const SpinGuard guard(lane_.lock, false);
      for (void* block : mine) free(block);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_LE(route_.chunks, 2u);
}

// Emptied chunks of threads that wait are purged while these begin to work again.
TEST_F(ArenaThreads, ArePurgedWhileTheyWork) {
  std::atomic<std::size_t> wrong{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < 2; ++id) {
    threads.emplace_back([&] {
      Lane lane{};
      lane.route = &route_;
      std::vector<void*> blocks(400);
      const auto start = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1500)) {
        for (void*& block : blocks) stamp(block = allocate_in(lane, 1000), rounded(1000), 1);
        for (void* block : blocks) wrong += !is_stamped(block);
        for (void* block : blocks) free_remotely(chunk_of(block), block);
      }
      abandon_lane(lane);
    });
  }
  std::thread purges([&] {
    while (!over) look_for_idle_chunks();
  });
  for (std::thread& thread : threads) thread.join();
  over = true;
  purges.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace weir
