// The process's counts: allocations, frees, live bytes and their peak.
//
// Each thread counts for itself and adds its sum when it has moved by kFlushBytes. The peak is exact for one
// thread (a sum never hides a higher moment: each thread keeps the highest value since its last addition);
// with n threads it may be off by n * kFlushBytes.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/life/thread_state.hpp"

namespace weir {

inline constexpr std::int64_t kFlushBytes = std::int64_t{64} << 10;

struct HeapTotals {
  std::atomic<std::uint64_t> allocations{0};
  std::atomic<std::uint64_t> frees{0};
  std::atomic<std::int64_t> live_bytes{0};
  std::atomic<std::int64_t> peak_bytes{0};
  std::atomic<std::uint64_t> foreign_frees{0};
  std::atomic<std::uint64_t> bad_frees{0};
};

extern HeapTotals heap_totals;

// Adds a thread's counts and zeroes them. Thread-safe, lock-free.
void add_to_totals(HeapCounts& counts) noexcept;

inline void count_allocation(HeapCounts& c, std::uint64_t bytes) noexcept {
  ++c.allocations;
  c.live_bytes += static_cast<std::int64_t>(bytes);
  if (c.live_bytes > c.peak_bytes) {
    c.peak_bytes = c.live_bytes;
    if (__builtin_expect(c.live_bytes > kFlushBytes, 0)) add_to_totals(c);
  }
}

inline void count_free(HeapCounts& c, std::uint64_t bytes) noexcept {
  ++c.frees;
  c.live_bytes -= static_cast<std::int64_t>(bytes);
  if (__builtin_expect(c.live_bytes < -kFlushBytes, 0)) add_to_totals(c);
}

}  // namespace weir
