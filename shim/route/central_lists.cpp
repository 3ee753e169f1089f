#include "shim/route/central_lists.hpp"

#include <sys/mman.h>

#include <atomic>

#include "shim/base/sys.hpp"

namespace weir {
namespace {

constexpr unsigned kKeptLists = 8;
constexpr std::size_t kKeptBytes = std::size_t{256} << 10;  // of one bin in whole lists

// One bin: spans with a block to give, and lists kept whole.
struct alignas(64) Central {
  SpinLock lock;
  UnitIndex spans = 0;  // those with a block to give, the one to take from first
  unsigned kept = 0;
  unsigned kept_blocks = 0;
  BlockList list[kKeptLists];
};

struct alignas(64) PoolTotals {
  PoolLimits limits{};
  std::atomic<std::uint64_t> span_bytes{0};
  std::atomic<std::uint64_t> peak_span_bytes{0};
  std::atomic<std::uint64_t> spans{0};
  std::atomic<std::uint64_t> empty_bytes{0};  // of spans that are kept although nothing of them is out
};

constinit Central central[kMostBins];
constinit PoolTotals totals[kMostPools];

unsigned blocks_in_span(unsigned size_class) noexcept {
  return static_cast<unsigned>((kUnitBytes << order_of_class(size_class)) / size_of_class(size_class));
}

void push_span(Central& c, UnitIndex span) noexcept {
  UnitInfo& info = info_of(span);
  info.previous = 0;
  info.next = c.spans;
  if (c.spans != 0) info_of(c.spans).previous = span;
  c.spans = span;
}

void unlink_span(Central& c, UnitIndex span) noexcept {
  const UnitInfo& info = info_of(span);
  (info.previous != 0 ? info_of(info.previous).next : c.spans) = info.next;
  if (info.next != 0) info_of(info.next).previous = info.previous;
}

UnitIndex new_span(BinIndex bin) noexcept {
  PoolTotals& total = totals[pool_of_bin(bin)];
  const unsigned order = order_of_class(class_of_bin(bin));
  const std::uint64_t bytes = kUnitBytes << order;
  const std::uint64_t before = total.span_bytes.fetch_add(bytes, std::memory_order_relaxed);
  const bool fits = total.limits.capacity == 0 || before + bytes <= total.limits.capacity;
  const UnitIndex span = fits ? take_span(order, bin) : 0;
  if (span == 0) {
    total.span_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    return 0;
  }
  total.spans.fetch_add(1, std::memory_order_relaxed);
  std::uint64_t peak = total.peak_span_bytes.load(std::memory_order_relaxed);
  while (before + bytes > peak &&
         !total.peak_span_bytes.compare_exchange_weak(peak, before + bytes, std::memory_order_relaxed)) {
  }
  if (total.limits.huge) {
    sys::call(SYS_madvise, sys::as_word(unit_address(span)), static_cast<long>(bytes), MADV_HUGEPAGE);
  }
  return span;
}

void drop(Central& c, BinIndex bin, UnitIndex span) noexcept {
  PoolTotals& total = totals[pool_of_bin(bin)];
  const std::uint64_t bytes = kUnitBytes << info_of(span).order;
  if (info_of(span).retained != 0) total.empty_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  unlink_span(c, span);
  give_span(span);
  total.span_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  total.spans.fetch_sub(1, std::memory_order_relaxed);
}

// A span that is empty goes, unless the pool retains it, or it is the only one that its bin has.
void drop_if_empty(Central& c, BinIndex bin, UnitIndex span) noexcept {
  PoolTotals& total = totals[pool_of_bin(bin)];
  const std::uint64_t bytes = kUnitBytes << info_of(span).order;
  const bool only = c.spans == span && info_of(span).next == 0;
  if (only) return;
  if (total.limits.retain != 0) {
    if (total.empty_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes <= total.limits.retain) {
      info_of(span).retained = 1;
      return;
    }
    total.empty_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  }
  drop(c, bin, span);
}

// Takes up to `want` blocks out of the span: first those that came back, then new ones in the order of their
// addresses.
void take_from_span(BinIndex bin, UnitIndex span, unsigned want, BlockList& list, void**& tail) noexcept {
  const unsigned size_class = class_of_bin(bin);
  const std::size_t bytes = size_of_class(size_class);
  const unsigned most = blocks_in_span(size_class);
  UnitInfo& info = info_of(span);
  if (info.retained != 0) {
    info.retained = 0;
    totals[pool_of_bin(bin)].empty_bytes.fetch_sub(kUnitBytes << info.order, std::memory_order_relaxed);
  }
  unsigned taken = 0;
  void* block = info.free_list;
  while (block != nullptr && list.count + taken < want) {
    *tail = block;
    tail = &next_of(block);
    block = next_of(block);
    ++taken;
  }
  info.free_list = block;
  char* next = unit_address(span) + info.carved * bytes;
  while (info.carved < most && list.count + taken < want) {
    *tail = next;
    tail = &next_of(next);
    next += bytes;
    ++info.carved;
    ++taken;
  }
  info.used += taken;
  list.count += taken;
}

bool is_spent(UnitIndex span, unsigned size_class) noexcept {
  const UnitInfo& info = info_of(span);
  return info.free_list == nullptr && info.carved == blocks_in_span(size_class);
}

void put_into_spans(Central& c, BinIndex bin, BlockList list) noexcept {
  const unsigned size_class = class_of_bin(bin);
  void* block = list.head;
  while (block != nullptr) {
    void* const next = next_of(block);
    const UnitIndex span = first_unit_of(unit_of(block));
    UnitInfo& info = info_of(span);
    if (is_spent(span, size_class)) push_span(c, span);
    next_of(block) = info.free_list;
    info.free_list = block;
    if (--info.used == 0) drop_if_empty(c, bin, span);
    block = next;
  }
}

}  // namespace

void set_pool_limits(unsigned pool, const PoolLimits& limits) noexcept {
  totals[pool].limits = limits;
}

BlockList take_blocks(BinIndex bin, unsigned want) noexcept {
  Central& c = central[bin];
  const SpinGuard guard(c.lock, false);
  if (c.kept != 0) {
    const BlockList list = c.list[--c.kept];
    c.kept_blocks -= list.count;
    return list;
  }
  BlockList list;
  void** tail = &list.head;
  const unsigned size_class = class_of_bin(bin);
  while (list.count < want) {
    if (c.spans == 0) {
      // What there is, rather than one span more for the rest of a batch.
      if (list.count != 0) break;
      const UnitIndex span = new_span(bin);
      if (span == 0) break;
      push_span(c, span);
    }
    const UnitIndex span = c.spans;
    take_from_span(bin, span, want, list, tail);
    if (is_spent(span, size_class)) unlink_span(c, span);
  }
  *tail = nullptr;
  return list;
}

void give_blocks(BinIndex bin, BlockList list) noexcept {
  if (list.head == nullptr) return;
  Central& c = central[bin];
  const SpinGuard guard(c.lock, false);
  const std::size_t bytes = (c.kept_blocks + list.count) * size_of_class(class_of_bin(bin));
  if (c.kept < kKeptLists && bytes <= kKeptBytes && list.count > 1) {
    c.list[c.kept++] = list;
    c.kept_blocks += list.count;
    return;
  }
  put_into_spans(c, bin, list);
}

void trim_pools(unsigned pools) noexcept {
  for (unsigned bin = 1; bin < 1 + pools * kSizeClasses; ++bin) {
    Central& c = central[bin];
    const SpinGuard guard(c.lock, false);
    while (c.kept != 0) put_into_spans(c, static_cast<BinIndex>(bin), c.list[--c.kept]);
    c.kept_blocks = 0;
    for (UnitIndex span = c.spans; span != 0;) {
      const UnitIndex next = info_of(span).next;
      if (info_of(span).used == 0) drop(c, static_cast<BinIndex>(bin), span);
      span = next;
    }
  }
}

PoolUse pool_use(unsigned pool) noexcept {
  const PoolTotals& t = totals[pool];
  return {t.span_bytes.load(std::memory_order_relaxed), t.peak_span_bytes.load(std::memory_order_relaxed),
          t.spans.load(std::memory_order_relaxed)};
}

void lock_pools_for_fork(unsigned pools) noexcept {
  for (unsigned bin = 1; bin < 1 + pools * kSizeClasses; ++bin) central[bin].lock.lock();
}
void unlock_pools_after_fork(unsigned pools) noexcept {
  for (unsigned bin = 1; bin < 1 + pools * kSizeClasses; ++bin) central[bin].lock.unlock();
}

}  // namespace weir
