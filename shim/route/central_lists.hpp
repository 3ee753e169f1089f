// The shared half of a pool: for each bin (one size class of one pool) the blocks that no thread has.
//
// Threads take and give lists of blocks. A list that a thread gives is kept whole for the next that asks, so
// blocks freed by another thread than the one that allocates go round in lists; what is too much is put back
// into its span, and a span whose blocks are all back goes back to the store. The scheme is tcmalloc's
// central free list with its transfer cache.
//
// Thread-safe, a lock a bin. Never calls malloc.
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

// Blocks linked through their first words, the last one's is nullptr.
struct BlockList {
  void* head = nullptr;
  unsigned count = 0;
};

inline void*& next_of(void* block) noexcept {
  return *static_cast<void**>(block);
}

// The blocks in [first, end) as a list, the last one first.
inline BlockList link_blocks(void** first, void** end) noexcept {
  BlockList list;
  for (void** at = first; at != end; ++at) {
    next_of(*at) = list.head;
    list.head = *at;
    ++list.count;
  }
  return list;
}

struct PoolLimits {
  std::uint64_t capacity;  // bytes of spans; 0 is no limit
  std::uint64_t retain;    // bytes of empty spans that are kept
  bool huge;               // ask for huge pages
};

// Before the first block of the pool.
void set_pool_limits(unsigned pool, const PoolLimits& limits) noexcept;

// Up to `want` blocks of the bin; an empty list when the system or the pool's capacity has no more.
BlockList take_blocks(BinIndex bin, unsigned want) noexcept;

// Takes blocks of the bin back.
void give_blocks(BinIndex bin, BlockList list) noexcept;

// Puts lists that were kept whole into their spans, and lets empty ones go (malloc_trim).
void trim_pools(unsigned pools) noexcept;

struct PoolUse {
  std::uint64_t span_bytes, peak_span_bytes;
  std::uint64_t spans;
};
PoolUse pool_use(unsigned pool) noexcept;

void lock_pools_for_fork(unsigned pools) noexcept;
void unlock_pools_after_fork(unsigned pools) noexcept;

}  // namespace weir
