#include "shim/route/central_lists.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "shim/base/sys.hpp"

namespace weir {
namespace {

// How many blocks a bin keeps at hand.
constexpr unsigned most_kept_of_class(unsigned size_class) noexcept {
  const std::size_t n = (std::size_t{256} << 10) / size_of_class(size_class);
  return n < 16 ? 16 : n > 2048 ? 2048 : static_cast<unsigned>(n);
}
constexpr std::size_t kKeptOfPool = [] {
  std::size_t slots = 0;
  for (unsigned k = 0; k < kSizeClasses; ++k) slots += most_kept_of_class(k);
  return slots;
}();

// One bin: spans with a block to give, and the blocks at hand, oldest first.
struct alignas(64) Central {
  SpinLock lock;
  UnitIndex spans = 0;  // those with a block to give, the one to take from first
  unsigned kept = 0;
  void** blocks = nullptr;
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
  std::memset(&span_bits[span], 0, sizeof(SpanBits));
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

// Takes up to `want` blocks out of the span, in the order of their addresses: those that were given back,
// then new ones.
unsigned take_from_span(BinIndex bin, UnitIndex span, unsigned want, void** out) noexcept {
  const unsigned size_class = class_of_bin(bin);
  const std::size_t bytes = size_of_class(size_class);
  const unsigned most = blocks_in_span(size_class);
  UnitInfo& info = info_of(span);
  if (info.retained != 0) {
    info.retained = 0;
    totals[pool_of_bin(bin)].empty_bytes.fetch_sub(kUnitBytes << info.order, std::memory_order_relaxed);
  }
  char* const start = unit_address(span);
  std::uint64_t* const word = span_bits[span].word;
  unsigned taken = 0;
  for (unsigned w = 0; info.back != 0 && taken < want; ++w) {
    while (word[w] != 0 && taken < want) {
      const unsigned i = w * 64 + static_cast<unsigned>(__builtin_ctzll(word[w]));
      word[w] &= word[w] - 1;
      --info.back;
      out[taken++] = start + i * bytes;
    }
  }
  for (; info.carved < most && taken < want; ++info.carved) out[taken++] = start + info.carved * bytes;
  info.used += taken;
  return taken;
}

bool is_spent(UnitIndex span, unsigned size_class) noexcept {
  const UnitInfo& info = info_of(span);
  return info.back == 0 && info.carved == blocks_in_span(size_class);
}

void put_into_spans(Central& c, BinIndex bin, void* const* blocks, unsigned count) noexcept {
  const unsigned size_class = class_of_bin(bin);
  for (unsigned n = 0; n < count; ++n) {
    const UnitIndex span = first_unit_of(unit_of(blocks[n]));
    UnitInfo& info = info_of(span);
    if (is_spent(span, size_class)) push_span(c, span);
    const auto offset = static_cast<std::size_t>(static_cast<char*>(blocks[n]) - unit_address(span));
    const unsigned i = block_at(offset, size_class);
    span_bits[span].word[i / 64] |= std::uint64_t{1} << i % 64;
    ++info.back;
    if (--info.used == 0) drop_if_empty(c, bin, span);
  }
}

}  // namespace

void set_pool_limits(unsigned pool, const PoolLimits& limits) noexcept {
  totals[pool].limits = limits;
  auto** blocks = static_cast<void**>(table_zone.map(kKeptOfPool * sizeof(void*)));
  for (unsigned k = 0; k < kSizeClasses && blocks != nullptr; ++k) {
    central[bin_of(pool, k)].blocks = blocks;
    blocks += most_kept_of_class(k);
  }
}

unsigned take_blocks(BinIndex bin, unsigned want, void** out) noexcept {
  Central& c = central[bin];
  const SpinGuard guard(c.lock, false);
  if (c.kept != 0) {
    const unsigned count = c.kept < want ? c.kept : want;
    c.kept -= count;
    std::memcpy(static_cast<void*>(out), c.blocks + c.kept, count * sizeof(void*));
    return count;
  }
  const unsigned size_class = class_of_bin(bin);
  unsigned count = 0;
  while (count < want) {
    if (c.spans == 0) {
      // What there is, rather than one span more for the rest of a batch.
      if (count != 0) break;
      const UnitIndex span = new_span(bin);
      if (span == 0) break;
      push_span(c, span);
    }
    const UnitIndex span = c.spans;
    count += take_from_span(bin, span, want - count, out + count);
    if (is_spent(span, size_class)) unlink_span(c, span);
  }
  std::reverse(out, out + count);
  return count;
}

void give_blocks(BinIndex bin, void* const* blocks, unsigned count) noexcept {
  if (count == 0) return;
  Central& c = central[bin];
  const SpinGuard guard(c.lock, false);
  if (c.blocks == nullptr || c.kept + count > most_kept_of_class(class_of_bin(bin))) {
    return put_into_spans(c, bin, blocks, count);
  }
  std::memcpy(static_cast<void*>(c.blocks + c.kept), blocks, count * sizeof(void*));
  c.kept += count;
}

void trim_pools(unsigned pools) noexcept {
  for (unsigned bin = 1; bin < 1 + pools * kSizeClasses; ++bin) {
    Central& c = central[bin];
    const SpinGuard guard(c.lock, false);
    put_into_spans(c, static_cast<BinIndex>(bin), c.blocks, c.kept);
    c.kept = 0;
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
