// What is counted for each route with stats=1.
//
// Each thread counts for itself; its live bytes are added to the process's when they have moved by
// kFlushLive, as in track/heap_totals: the peak is exact for one thread, and off by that much for each
// further one. Live bytes are what the allocator gave, with rounding; what was asked for is known only when
// it is asked, so fragmentation is of all requests together, not of those alive.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/abi/route_rules.hpp"

namespace weir {

struct ThreadCache;

inline constexpr std::int64_t kFlushLive = std::int64_t{64} << 10;

struct RouteCounts {
  std::uint64_t allocations;
  std::uint64_t frees;
  std::uint64_t requested_bytes;  // by all allocations
  std::uint64_t granted_bytes;    // the same with rounding
  std::uint64_t fallbacks;        // full, or too large for the route: the parent gave the block
  std::uint64_t failures;         // nullptr
  std::int64_t live_bytes;        // since the last addition to the process's
  std::int64_t peak_bytes;        // of live_bytes
};

// A request that took `rule` (kMostRules: none) and got `block`. `cache` may be nullptr.
void count_request(ThreadCache* cache, unsigned rule, std::size_t bytes, void* block) noexcept;

// A block of `granted` bytes goes back.
void count_free(ThreadCache* cache, unsigned rule, const void* block, std::size_t granted) noexcept;

// Blocks of the rule's that ended with their scope.
void count_ended(unsigned rule, std::uint64_t blocks, std::int64_t bytes) noexcept;

// The thread is gone: adds what it counted to the process's. Under the lock of the caches.
void retire_counts(RouteCounts (&counts)[kMostRules + 1]) noexcept;

void lock_counts_for_fork() noexcept;
void unlock_counts_after_fork() noexcept;

// In a fork's child: it has made nothing yet, and has what its parent had.
void restart_counts() noexcept;

// The whole process's, while others count: live bytes are off by what they count at that moment.
void read_counts(RouteCounts (&sums)[kMostRules + 1]) noexcept;

// The whole process's, in a moment when nobody counts or where a few more or less do not matter.
void sum_counts(RouteCounts (&sums)[kMostRules + 1]) noexcept;

}  // namespace weir
