// The shared half of a pool: for each bin (one size class of one pool) the blocks that no thread has.
//
// Threads take and give many at a time, as pointers. What they give is kept at hand for the next that asks,
// so blocks freed by another thread than the one that allocates go round there; what is too much is noted in
// its span as given back, and a span whose blocks are all back goes back to the store. (tcmalloc's central
// free list and transfer cache, with a bitmap beside the span instead of links through the blocks.)
//
// Thread-safe, a lock a bin. Never calls malloc, never touches a block.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "shim/base/spin_lock.hpp"
#include "shim/route/size_classes.hpp"
#include "shim/route/units.hpp"

namespace weir {

// A bin's number is the tag of its spans. 0 is no bin.
using BinIndex = std::uint16_t;
inline constexpr unsigned kMostPools = 16;
inline constexpr unsigned kMostBins = 1 + kMostPools * kSizeClasses;
static_assert(kMostBins < kFirstOtherKind);

constexpr BinIndex bin_of(unsigned pool, unsigned size_class) noexcept {
  return static_cast<BinIndex>(1 + pool * kSizeClasses + size_class);
}
constexpr unsigned class_of_bin(BinIndex bin) noexcept {
  return (bin - 1u) % kSizeClasses;
}
constexpr unsigned pool_of_bin(BinIndex bin) noexcept {
  return (bin - 1u) / kSizeClasses;
}

// Spans hold at least eight blocks, so that little of their end is lost.
constexpr unsigned order_of_class(unsigned size_class) noexcept {
  const std::size_t bytes = size_of_class(size_class);
  return order_of_bytes(bytes <= kUnitBytes / 8 ? kUnitBytes : std::bit_ceil(bytes) * 8);
}

// How many blocks threads take at a time at least, and keep at most.
constexpr unsigned batch_of_class(unsigned size_class) noexcept {
  const std::size_t n = 4096 / size_of_class(size_class);
  return n < 2 ? 2 : n > 64 ? 64 : static_cast<unsigned>(n);
}
constexpr unsigned most_cached_of_class(unsigned size_class) noexcept {
  const std::size_t n = 65536 / size_of_class(size_class);
  return n < 4 ? 4 : n > 512 ? 512 : static_cast<unsigned>(n);
}

// Free blocks that nobody else has may be linked through their first words.
inline void*& next_of(void* block) noexcept {
  return *static_cast<void**>(block);
}

struct PoolLimits {
  std::uint64_t capacity;  // bytes of spans; 0 is no limit
  std::uint64_t retain;    // bytes of empty spans that are kept
  bool huge;               // ask for huge pages
};

// Before the first block of the pool.
void set_pool_limits(unsigned pool, const PoolLimits& limits) noexcept;

// Up to `want` blocks of the bin into `out`, the one to use first at the end. How many: 0 when the system or
// the pool's capacity has no more.
unsigned take_blocks(BinIndex bin, unsigned want, void** out) noexcept;

// Takes blocks of the bin back, the oldest first.
void give_blocks(BinIndex bin, void* const* blocks, unsigned count) noexcept;

// Puts what was kept at hand into its spans, and lets empty ones go (malloc_trim).
void trim_pools(unsigned pools) noexcept;

struct PoolUse {
  std::uint64_t span_bytes, peak_span_bytes;
  std::uint64_t spans;
};
PoolUse pool_use(unsigned pool) noexcept;

void lock_pools_for_fork(unsigned pools) noexcept;
void unlock_pools_after_fork(unsigned pools) noexcept;

}  // namespace weir
