// What the allocators of core/ take in a process, and the standard library's beside them,
// by Google Benchmark.
//
// Three shapes, all counted a block (the counter `blocks` is the number in one iteration):
//   allocate   a thousand blocks, then all back at once by reset(); of 64 bytes, or of 8 to 256
//   pair       one block acquired and released, over and over: the same one each time
//   hundred    a hundred acquired, then released in another order: through free lists, not one hot block
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory_resource>
#include <numeric>
#include <random>
#include <vector>

#include "core/arena.hpp"
#include "core/bump_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/page_allocator.hpp"
#include "core/pool.hpp"
#include "core/thread_safe_pool.hpp"
#include "core/tiered_pool.hpp"

namespace {

using benchmark::State;

constexpr std::size_t kBlocks = 1000;
constexpr std::size_t kHundred = 100;

enum Sizes : int { kEqual, kMixed };

std::array<weir::Layout, kBlocks> layouts(Sizes sizes) {
  std::mt19937 random(1);
  std::array<weir::Layout, kBlocks> made;
  for (weir::Layout& layout : made) {
    layout = sizes == kEqual ? weir::Layout{64, 16} : weir::Layout{8 + random() % 249, 16};
  }
  return made;
}

// In which hundred blocks are released.
std::array<std::size_t, kHundred> shuffled() {
  std::array<std::size_t, kHundred> order;
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(2));
  return order;
}

void count(State& state, std::size_t blocks) {
  state.counters["blocks"] = benchmark::Counter(static_cast<double>(blocks), benchmark::Counter::kAvgThreads);
}

template <typename A>
void allocate_all(State& state, A& allocator, Sizes sizes) {
  const auto wanted = layouts(sizes);
  for (auto _ : state) {
    for (const weir::Layout& layout : wanted) {
      void* block = allocator.allocate(layout, nullptr);
      benchmark::DoNotOptimize(block);
      if (block == nullptr) state.SkipWithError("full");
    }
    allocator.reset();
  }
  count(state, kBlocks);
}

void bump(State& state, Sizes sizes) {
  std::vector<std::byte> memory(kBlocks * 272);
  weir::BumpAllocator allocator(memory);
  allocate_all(state, allocator, sizes);
}

void fixed_buffer(State& state, Sizes sizes) {
  std::vector<std::byte> memory(kBlocks * 272);
  weir::FixedBuffer allocator(memory);
  allocate_all(state, allocator, sizes);
}

void shared_fixed_buffer(State& state, Sizes sizes) {
  std::vector<std::byte> memory(kBlocks * 272);
  weir::SharedFixedBuffer allocator(memory);
  allocate_all(state, allocator, sizes);
}

void arena(State& state, Sizes sizes) {
  weir::Arena allocator(weir::page_allocator);
  allocate_all(state, allocator, sizes);
}

// acquire() and release(block) in the two shapes.
template <typename Acquire, typename Release>
void pair(State& state, Acquire acquire, Release release) {
  for (auto _ : state) {
    auto* block = acquire();
    benchmark::DoNotOptimize(block);
    release(block);
  }
  count(state, 1);
}

template <typename Acquire, typename Release>
void hundred(State& state, Acquire acquire, Release release) {
  const auto order = shuffled();
  std::array<decltype(acquire()), kHundred> held;
  for (auto _ : state) {
    for (auto& block : held) {
      block = acquire();
      benchmark::DoNotOptimize(block);
    }
    for (const std::size_t place : order) release(held[place]);
  }
  count(state, kHundred);
}

enum Shape : int { kPair, kHundredOf };

template <typename Acquire, typename Release>
void in_shape(State& state, Shape shape, Acquire acquire, Release release) {
  shape == kPair ? pair(state, acquire, release) : hundred(state, acquire, release);
}

struct Object {
  Object() noexcept {}  // an object's own work is not the pool's
  std::uint64_t words[8];
};

void pool(State& state, Shape shape) {
  weir::Pool<Object, weir::PageAllocator> objects(weir::page_allocator);
  in_shape(
      state, shape, [&] { return objects.acquire(); }, [&](Object* object) { objects.release(object); });
}

void block_pool(State& state, Shape shape) {
  weir::BlockPool blocks(weir::page_allocator, weir::Layout::of<Object>());
  in_shape(
      state, shape, [&] { return blocks.acquire(); }, [&](void* block) { blocks.release(block); });
}

// One for all threads of a benchmark and all benchmarks.
void thread_safe_pool(State& state, Shape shape) {
  static weir::ThreadSafePool blocks(weir::page_allocator, weir::Layout::of<Object>());
  in_shape(
      state, shape, [] { return blocks.acquire(); }, [](void* block) { blocks.release(block); });
}

void shared_pool(State& state, Shape shape) {
  static weir::SharedPool<Object, weir::PageAllocator> objects(weir::page_allocator);
  in_shape(
      state, shape, [] { return objects.acquire(); }, [](Object* object) { objects.release(object); });
}

void glibc_64(State& state, Shape shape) {
  in_shape(
      state, shape, [] { return std::malloc(64); }, [](void* block) { std::free(block); });
}

// A thousand blocks of mixed sizes, taken and given back in another order, then `after` each thousand.
template <typename Take, typename Give, typename After>
void thousand(State& state, Take take, Give give, After after) {
  const auto wanted = layouts(kMixed);
  std::vector<std::size_t> order(kBlocks);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  std::array<void*, kBlocks> held;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBlocks; ++i) {
      held[i] = take(wanted[i]);
      benchmark::DoNotOptimize(held[i]);
    }
    for (const std::size_t place : order) give(held[place], wanted[place]);
    after();
  }
  count(state, kBlocks);
}

void nothing() {}

void tiered(State& state) {
  weir::TieredPool pool(weir::page_allocator);
  thousand(
      state, [&](weir::Layout layout) { return pool.allocate(layout, nullptr); },
      [&](void* block, weir::Layout layout) { pool.deallocate(block, layout, nullptr); }, nothing);
}

void glibc(State& state) {
  thousand(
      state, [](weir::Layout layout) { return std::malloc(layout.bytes); },
      [](void* block, weir::Layout) { std::free(block); }, nothing);
}

template <typename Resource, typename After>
void standard(State& state, Resource& resource, After after) {
  thousand(
      state, [&](weir::Layout layout) { return resource.allocate(layout.bytes, layout.alignment); },
      [&](void* block, weir::Layout layout) { resource.deallocate(block, layout.bytes, layout.alignment); },
      after);
}

void unsynchronized(State& state) {
  std::pmr::unsynchronized_pool_resource resource;
  standard(state, resource, nothing);
}

void synchronized(State& state) {
  std::pmr::synchronized_pool_resource resource;
  standard(state, resource, nothing);
}

void monotonic(State& state) {
  std::vector<std::byte> memory(kBlocks * 272);
  std::pmr::monotonic_buffer_resource resource(memory.data(), memory.size());
  standard(state, resource, [&] { resource.release(); });
}

// The names stand in tests/bench/compare_cores.py.
BENCHMARK_CAPTURE(bump, equal, kEqual);
BENCHMARK_CAPTURE(bump, mixed, kMixed);
BENCHMARK_CAPTURE(arena, equal, kEqual);
BENCHMARK_CAPTURE(arena, mixed, kMixed);
BENCHMARK_CAPTURE(fixed_buffer, equal, kEqual);
BENCHMARK_CAPTURE(fixed_buffer, mixed, kMixed);
BENCHMARK_CAPTURE(shared_fixed_buffer, equal, kEqual);
BENCHMARK_CAPTURE(pool, pair, kPair);
BENCHMARK_CAPTURE(pool, hundred, kHundredOf);
BENCHMARK_CAPTURE(block_pool, pair, kPair);
BENCHMARK_CAPTURE(block_pool, hundred, kHundredOf);
BENCHMARK_CAPTURE(thread_safe_pool, pair, kPair)->Threads(1)->Threads(2);
BENCHMARK_CAPTURE(thread_safe_pool, hundred, kHundredOf)->Threads(1)->Threads(2);
BENCHMARK_CAPTURE(shared_pool, pair, kPair)->Threads(1)->Threads(2);
BENCHMARK_CAPTURE(glibc_64, pair, kPair)->Threads(1)->Threads(2);
BENCHMARK_CAPTURE(glibc_64, hundred, kHundredOf)->Threads(1)->Threads(2);
BENCHMARK(tiered);
BENCHMARK(glibc);
BENCHMARK(unsynchronized);
BENCHMARK(synchronized);
BENCHMARK(monotonic);

}  // namespace

BENCHMARK_MAIN();
