#include "shim/track/heap_totals.hpp"

namespace weir {

constinit HeapTotals heap_totals;

void add_to_totals(HeapCounts& c) noexcept {
  heap_totals.allocations.fetch_add(c.allocations, std::memory_order_relaxed);
  heap_totals.frees.fetch_add(c.frees, std::memory_order_relaxed);
  const std::int64_t before = heap_totals.live_bytes.fetch_add(c.live_bytes, std::memory_order_relaxed);
  const std::int64_t high = before + c.peak_bytes;
  std::int64_t peak = heap_totals.peak_bytes.load(std::memory_order_relaxed);
  while (high > peak &&
         !heap_totals.peak_bytes.compare_exchange_weak(peak, high, std::memory_order_relaxed)) {
  }
  c = {};
}

}  // namespace weir
