// What is said of arenas, pools, fixed buffers and mapped files, against malloc, read, and the allocators of others that
// have the same shape, by Google Benchmark. A benchmark is called shape/who; what weir takes is "weir".
//
//   arena, arena_1k    a thousand blocks of 64 bytes, a word written; or of 1 KiB, all written; then all back at once
//   buffer             the same of 100 bytes, all written, in memory of a fixed size
//   pair               one block of 64 bytes acquired, written and released, over and over
//   hundred            a hundred acquired, then released in another order
//   mixed              a hundred of 8 to 512 bytes, so
//   file_1m, file_64m  a file that is in the page cache opened, every byte added up, and closed
//   records_64m        a file of 64 MiB opened, a thousand records of 64 bytes looked at, and closed
//
// With HAVE_BOOST and HAVE_FOONATHAN their pools are there, too.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "core/arena.hpp"
#include "core/fixed_buffer.hpp"
#include "core/mapped_file.hpp"
#include "core/pool.hpp"
#include "core/tiered_pool.hpp"

#ifdef HAVE_BOOST
#include <boost/pool/pool.hpp>
#endif
#ifdef HAVE_FOONATHAN
#include <foonathan/memory/memory_pool.hpp>
#include <foonathan/memory/memory_pool_collection.hpp>
#include <foonathan/memory/memory_stack.hpp>
#endif

namespace {

using benchmark::State;

constexpr std::size_t kBlocks = 1000;
constexpr std::size_t kHundred = 100;
constexpr int kCold = 3;  // rounds that are not timed: until each has its memory, and the system has given it

void write(void* block, std::size_t bytes) {
  if (bytes <= 64) {
    *static_cast<std::size_t*>(block) = bytes;
  } else {
    std::memset(block, 0, bytes);
  }
  benchmark::DoNotOptimize(block);
  benchmark::ClobberMemory();
}

// A thousand blocks, then all back.
template <typename Allocate, typename Reset>
void in_rounds(State& state, std::size_t bytes, Allocate allocate, Reset reset) {
  const auto round = [&] {
    for (std::size_t i = 0; i != kBlocks; ++i) write(allocate(bytes), bytes);
    reset();
  };
  for (int i = 0; i != kCold; ++i) round();
  for (auto _ : state) round();
}

void malloc_in_rounds(State& state, std::size_t bytes) {
  std::array<void*, kBlocks> blocks;
  std::size_t used = 0;
  in_rounds(
      state, bytes, [&](std::size_t size) { return blocks[used++] = std::malloc(size); },
      [&] {
        while (used != 0) std::free(blocks[--used]);
      });
}

// As the recipes have it: each block is given back before the next one.
void malloc_one_by_one(State& state, std::size_t bytes) {
  void* last = nullptr;
  in_rounds(
      state, bytes,
      [&](std::size_t size) {
        std::free(last);
        return last = std::malloc(size);
      },
      [] {});
  std::free(last);
}

void arena_of_weir(State& state, std::size_t bytes) {
  weir::Arena<> arena;
  in_rounds(
      state, bytes, [&](std::size_t size) { return arena.allocate({size}); }, [&] { arena.reset(); });
}

// With a buffer for all of them, as the arena keeps one.
void monotonic(State& state, std::size_t bytes) {
  std::vector<std::byte> memory(kBlocks * (bytes + 16));
  std::pmr::monotonic_buffer_resource resource(memory.data(), memory.size());
  in_rounds(
      state, bytes, [&](std::size_t size) { return resource.allocate(size); }, [&] { resource.release(); });
}

#ifdef HAVE_FOONATHAN
void memory_stack(State& state, std::size_t bytes) {
  foonathan::memory::memory_stack<> stack(kBlocks * (bytes + 16) + 4096);
  const auto begin = stack.top();
  in_rounds(
      state, bytes, [&](std::size_t size) { return stack.allocate(size, 16); }, [&] { stack.unwind(begin); });
}
#endif

void buffer_of_weir(State& state, std::size_t bytes) {
  auto memory = std::make_unique<std::byte[]>(kBlocks * (bytes + 16));
  weir::FixedBuffer buffer({memory.get(), kBlocks * (bytes + 16)});
  in_rounds(
      state, bytes, [&](std::size_t size) { return buffer.allocate({size}); }, [&] { buffer.reset(); });
}

template <typename Allocate, typename Free>
void pairs(State& state, Allocate allocate, Free free) {
  for (auto _ : state) {
    for (std::size_t i = 0; i != kBlocks; ++i) {
      void* block = allocate(64);
      write(block, 64);
      free(block, 64);
    }
  }
}

template <typename Allocate, typename Free>
void hundreds(State& state, bool mixed, Allocate allocate, Free free) {
  std::array<std::size_t, kHundred> order;
  std::array<std::size_t, kHundred> sizes;
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(2);
  std::shuffle(order.begin(), order.end(), random);
  for (std::size_t& size : sizes) size = mixed ? 8 + random() % 505 : 64;
  std::array<void*, kHundred> blocks;
  const auto round = [&] {
    for (std::size_t i = 0; i != kHundred; ++i) {
      blocks[i] = allocate(sizes[i]);
      *static_cast<std::size_t*>(blocks[i]) = i;
    }
    benchmark::ClobberMemory();
    for (const std::size_t i : order) free(blocks[i], sizes[i]);
  };
  for (int i = 0; i != kCold; ++i) round();
  for (auto _ : state) round();
}

enum Shape { kPair, kHundredEqual, kHundredMixed };

template <typename Allocate, typename Free>
void shaped(State& state, Shape shape, Allocate allocate, Free free) {
  if (shape == kPair) {
    pairs(state, allocate, free);
  } else {
    hundreds(state, shape == kHundredMixed, allocate, free);
  }
}

void pool_of_malloc(State& state, Shape shape) {
  shaped(
      state, shape, [](std::size_t bytes) { return std::malloc(bytes); },
      [](void* block, std::size_t) { std::free(block); });
}

void pool_of_weir(State& state, Shape shape) {
  if (shape == kHundredMixed) {
    weir::TieredPool<weir::PageAllocator> pool(weir::page_allocator);
    shaped(
        state, shape, [&](std::size_t bytes) { return pool.allocate({bytes}, nullptr); },
        [&](void* block, std::size_t bytes) { pool.deallocate(block, {bytes}, nullptr); });
  } else {
    weir::BlockPool<weir::PageAllocator> pool(weir::page_allocator, {64, 16});
    shaped(
        state, shape, [&](std::size_t) { return pool.acquire(); },
        [&](void* block, std::size_t) { pool.release(block); });
  }
}

void unsynchronized(State& state, Shape shape) {
  std::pmr::unsynchronized_pool_resource pool;
  shaped(
      state, shape, [&](std::size_t bytes) { return pool.allocate(bytes); },
      [&](void* block, std::size_t bytes) { pool.deallocate(block, bytes); });
}

#ifdef HAVE_BOOST
void boost_pool(State& state, Shape shape) {
  boost::pool<> pool(64);
  shaped(
      state, shape, [&](std::size_t) { return pool.malloc(); },
      [&](void* block, std::size_t) { pool.free(block); });
}
#endif

#ifdef HAVE_FOONATHAN
void foonathan_pool(State& state, Shape shape) {
  using namespace foonathan::memory;
  if (shape == kHundredMixed) {
    memory_pool_collection<node_pool, log2_buckets> pool(512, 1 << 20);
    shaped(
        state, shape, [&](std::size_t bytes) { return pool.allocate_node(bytes); },
        [&](void* block, std::size_t bytes) { pool.deallocate_node(block, bytes); });
  } else {
    memory_pool<node_pool> pool(64, 64 << 10);
    shaped(
        state, shape, [&](std::size_t) { return pool.allocate_node(); },
        [&](void* block, std::size_t) { pool.deallocate_node(block); });
  }
}
#endif

std::string made_file(std::size_t bytes) {
  const std::string path = std::string(std::getenv("BENCH_FOLDER")) + "/file_" + std::to_string(bytes);
  weir::MappedFile file;
  if (file.open(path.c_str(), weir::FileAccess::kCreate) != 0 || file.resize(bytes) != 0) std::abort();
  std::size_t i = 0;
  for (std::byte& byte : file.writable()) byte = static_cast<std::byte>(i++);
  return path;
}

std::size_t sum_of(const std::byte* bytes, std::size_t count) {
  std::size_t sum = 0;
  for (std::size_t i = 0; i != count; ++i) sum += static_cast<std::size_t>(bytes[i]);
  return sum;
}

void sum_by_mapping(State& state, std::size_t bytes) {
  const std::string path = made_file(bytes);
  for (auto _ : state) {
    weir::MappedFile file;
    if (file.open(path.c_str()) != 0) std::abort();
    benchmark::DoNotOptimize(sum_of(file.bytes().data(), file.bytes().size()));
  }
}

void sum_by_prefaulting(State& state, std::size_t bytes) {
  const std::string path = made_file(bytes);
  for (auto _ : state) {
    weir::MappedFile file;
    if (file.open(path.c_str(), weir::FileAccess::kRead, weir::Mapping::kPrefaulted) != 0) std::abort();
    benchmark::DoNotOptimize(sum_of(file.bytes().data(), file.bytes().size()));
  }
}

// All of it into a buffer of its size, which is what the recipes do; or by pieces of `piece` bytes.
void sum_by_reading(State& state, std::size_t bytes, std::size_t piece) {
  const std::string path = made_file(bytes);
  for (auto _ : state) {
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(piece);
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    std::size_t sum = 0;
    for (ssize_t got = 0; (got = ::read(file, buffer.get(), piece)) > 0;) {
      sum += sum_of(buffer.get(), static_cast<std::size_t>(got));
    }
    ::close(file);
    benchmark::DoNotOptimize(sum);
  }
}

constexpr std::size_t kRecord = 64;

template <typename Look>
void look_at_records(std::size_t bytes, Look look) {
  std::mt19937 random(3);
  for (int i = 0; i != 1000; ++i) look(random() % (bytes / kRecord) * kRecord);
}

void records_by_mapping(State& state, std::size_t bytes) {
  const std::string path = made_file(bytes);
  for (auto _ : state) {
    weir::MappedFile file;
    if (file.open(path.c_str()) != 0) std::abort();
    look_at_records(
        bytes, [&](std::size_t at) { benchmark::DoNotOptimize(sum_of(file.bytes().data() + at, kRecord)); });
  }
}

void records_by_pread(State& state, std::size_t bytes) {
  const std::string path = made_file(bytes);
  for (auto _ : state) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    look_at_records(bytes, [&](std::size_t at) {
      std::array<std::byte, kRecord> record;
      if (::pread(file, record.data(), kRecord, static_cast<off_t>(at)) != kRecord) std::abort();
      benchmark::DoNotOptimize(sum_of(record.data(), kRecord));
    });
    ::close(file);
  }
}

}  // namespace

BENCHMARK_CAPTURE(arena_of_weir, x, 64)->Name("arena/weir");
BENCHMARK_CAPTURE(malloc_in_rounds, x, 64)->Name("arena/malloc");
BENCHMARK_CAPTURE(monotonic, x, 64)->Name("arena/std::pmr monotonic");
BENCHMARK_CAPTURE(arena_of_weir, x, 1024)->Name("arena_1k/weir");
BENCHMARK_CAPTURE(malloc_in_rounds, x, 1024)->Name("arena_1k/malloc");
BENCHMARK_CAPTURE(malloc_one_by_one, x, 1024)->Name("arena_1k/malloc, one by one");
BENCHMARK_CAPTURE(monotonic, x, 1024)->Name("arena_1k/std::pmr monotonic");
BENCHMARK_CAPTURE(buffer_of_weir, x, 100)->Name("buffer/weir");
BENCHMARK_CAPTURE(malloc_in_rounds, x, 100)->Name("buffer/malloc");
BENCHMARK_CAPTURE(malloc_one_by_one, x, 100)->Name("buffer/malloc, one by one");
BENCHMARK_CAPTURE(monotonic, x, 100)->Name("buffer/std::pmr monotonic");
#define POOLS(who, name)                                   \
  BENCHMARK_CAPTURE(who, pair, kPair)->Name("pair/" name); \
  BENCHMARK_CAPTURE(who, hundred, kHundredEqual)->Name("hundred/" name)
POOLS(pool_of_weir, "weir");
POOLS(pool_of_malloc, "malloc");
POOLS(unsynchronized, "std::pmr pool");
BENCHMARK_CAPTURE(pool_of_weir, mixed, kHundredMixed)->Name("mixed/weir");
BENCHMARK_CAPTURE(pool_of_malloc, mixed, kHundredMixed)->Name("mixed/malloc");
BENCHMARK_CAPTURE(unsynchronized, mixed, kHundredMixed)->Name("mixed/std::pmr pool");
#ifdef HAVE_BOOST
POOLS(boost_pool, "Boost.Pool");
#endif
#ifdef HAVE_FOONATHAN
BENCHMARK_CAPTURE(memory_stack, x, 64)->Name("arena/foonathan");
BENCHMARK_CAPTURE(memory_stack, x, 1024)->Name("arena_1k/foonathan");
POOLS(foonathan_pool, "foonathan");
BENCHMARK_CAPTURE(foonathan_pool, mixed, kHundredMixed)->Name("mixed/foonathan");
#endif
BENCHMARK_CAPTURE(sum_by_mapping, x, 1 << 20)->Name("file_1m/weir");
BENCHMARK_CAPTURE(sum_by_prefaulting, x, 1 << 20)->Name("file_1m/weir, prefaulted");
BENCHMARK_CAPTURE(sum_by_reading, x, 1 << 20, 1 << 20)->Name("file_1m/read");
BENCHMARK_CAPTURE(sum_by_reading, x, 1 << 20, 64 << 10)->Name("file_1m/read by 64 KiB");
BENCHMARK_CAPTURE(sum_by_mapping, x, 64 << 20)->Name("file_64m/weir");
BENCHMARK_CAPTURE(sum_by_prefaulting, x, 64 << 20)->Name("file_64m/weir, prefaulted");
BENCHMARK_CAPTURE(sum_by_reading, x, 64 << 20, 64 << 20)->Name("file_64m/read");
BENCHMARK_CAPTURE(sum_by_reading, x, 64 << 20, 64 << 10)->Name("file_64m/read by 64 KiB");
BENCHMARK_CAPTURE(records_by_mapping, x, 64 << 20)->Name("records_64m/weir");
BENCHMARK_CAPTURE(records_by_pread, x, 64 << 20)->Name("records_64m/pread");

BENCHMARK_MAIN();
