#include "shim/route/route_counts.hpp"

#include <atomic>

#include "shim/base/spin_lock.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/route/stats_clock.hpp"

namespace weir {
namespace {

constinit SpinLock late_counts_lock;
constinit RouteCounts late[kMostRules + 1]{};   // of threads without a cache
constinit RouteCounts ended[kMostRules + 1]{};  // of threads that are gone
constinit std::atomic<std::int64_t> live[kMostRules + 1];
constinit std::atomic<std::int64_t> peak[kMostRules + 1];

void flush(RouteCounts& c, unsigned rule) noexcept {
  const std::int64_t before = live[rule].fetch_add(c.live_bytes, std::memory_order_relaxed);
  const std::int64_t highest = before + (c.peak_bytes > 0 ? c.peak_bytes : 0);
  std::int64_t now = peak[rule].load(std::memory_order_relaxed);
  while (highest > now && !peak[rule].compare_exchange_weak(now, highest, std::memory_order_relaxed)) {
  }
  c.live_bytes = c.peak_bytes = 0;
}

void move_live(RouteCounts& c, unsigned rule, std::int64_t bytes) noexcept {
  c.live_bytes += bytes;
  if (c.live_bytes > c.peak_bytes) c.peak_bytes = c.live_bytes;
  if (c.live_bytes > kFlushLive || c.live_bytes < -kFlushLive) flush(c, rule);
}

void add(RouteCounts& to, const RouteCounts& from) noexcept {
  to.allocations += from.allocations;
  to.frees += from.frees;
  to.requested_bytes += from.requested_bytes;
  to.granted_bytes += from.granted_bytes;
  to.fallbacks += from.fallbacks;
  to.failures += from.failures;
}

// Calls with the counts that this thread may write.
template <typename F>
void with_counts(ThreadCache* cache, F&& write) noexcept {
  if (cache != nullptr) return write(cache->counts);
  const SpinGuard guard(late_counts_lock, interrupted_cache() != nullptr);
  if (guard.held()) write(late);
}

// A chunk knows its bytes too: a scope ends blocks that nobody names.
void note_in_chunk(const void* block, std::int64_t bytes) noexcept {
  if (tag_of(unit_of(block)).kind() == kChunkKind) {
    chunk_of(block)->live_bytes.fetch_add(bytes, std::memory_order_relaxed);
  }
}

}  // namespace

void count_request(ThreadCache* cache, unsigned rule, std::size_t bytes, void* block) noexcept {
  const unsigned gave = block != nullptr ? routed::rule_of_block(block) : rule;
  const bool by_parent = gave == kNoRule && routes[rule].target == RouteTarget::kParent;
  const std::size_t granted = block != nullptr ? routed::granted_bytes(block) : 0;
  with_counts(cache, [&](RouteCounts(&counts)[kMostRules + 1]) {
    if (block == nullptr) {
      ++counts[rule].failures;
      return;
    }
    if (gave != rule && !by_parent) ++counts[rule].fallbacks;
    RouteCounts& c = counts[by_parent ? rule : gave];
    ++c.allocations;
    c.requested_bytes += bytes;
    c.granted_bytes += granted;
    move_live(counts[gave], gave, static_cast<std::int64_t>(granted));
  });
  if (block != nullptr && gave != kNoRule) note_in_chunk(block, static_cast<std::int64_t>(granted));
  stats_clock::tick();
}

void count_ended(unsigned rule, std::uint64_t blocks, std::int64_t bytes) noexcept {
  // A scope ends in a slow path of its own thread, never in a signal handler that interrupts one: the counts are free.
  ThreadCache* const own = interrupted_cache();
  with_counts(own != nullptr ? own : thread_cache(), [&](RouteCounts(&counts)[kMostRules + 1]) {
    counts[rule].frees += blocks;
    move_live(counts[rule], rule, -bytes);
  });
}

void count_free(ThreadCache* cache, unsigned rule, const void* block, std::size_t granted) noexcept {
  if (rule != kNoRule) note_in_chunk(block, -static_cast<std::int64_t>(granted));
  with_counts(cache, [&](RouteCounts(&counts)[kMostRules + 1]) {
    ++counts[rule].frees;
    move_live(counts[rule], rule, -static_cast<std::int64_t>(granted));
  });
}

void retire_counts(RouteCounts (&counts)[kMostRules + 1]) noexcept {
  for (unsigned i = 0; i <= kMostRules; ++i) {
    flush(counts[i], i);
    add(ended[i], counts[i]);
    counts[i] = {};
  }
}

void lock_counts_for_fork() noexcept {
  late_counts_lock.lock();
}
void unlock_counts_after_fork() noexcept {
  late_counts_lock.unlock();
}

void restart_counts() noexcept {
  const auto restart = [](RouteCounts(&counts)[kMostRules + 1]) {
    for (unsigned i = 0; i <= kMostRules; ++i) {
      flush(counts[i], i);
      counts[i] = {};
    }
  };
  for_each_cache([&](ThreadCache& c) { restart(c.counts); });
  restart(late);
  restart(ended);
  for (unsigned i = 0; i <= kMostRules; ++i) peak[i].store(live[i].load());
  stats_clock::start();
}

void read_counts(RouteCounts (&sums)[kMostRules + 1]) noexcept {
  const auto take = [&](const RouteCounts(&counts)[kMostRules + 1]) {
    for (unsigned i = 0; i <= kMostRules; ++i) {
      add(sums[i], counts[i]);
      sums[i].live_bytes += counts[i].live_bytes;
    }
  };
  for_each_cache([&](ThreadCache& c) { take(c.counts); });
  take(late);
  take(ended);
  for (unsigned i = 0; i <= kMostRules; ++i) {
    sums[i].live_bytes += live[i].load(std::memory_order_relaxed);
    const std::int64_t highest = peak[i].load(std::memory_order_relaxed);
    sums[i].peak_bytes = highest > sums[i].live_bytes ? highest : sums[i].live_bytes;
  }
}

void sum_counts(RouteCounts (&sums)[kMostRules + 1]) noexcept {
  const auto take = [&](RouteCounts(&counts)[kMostRules + 1]) {
    for (unsigned i = 0; i <= kMostRules; ++i) {
      flush(counts[i], i);
      add(sums[i], counts[i]);
    }
  };
  for_each_cache([&](ThreadCache& c) { take(c.counts); });
  take(late);
  take(ended);
  for (unsigned i = 0; i <= kMostRules; ++i) {
    sums[i].live_bytes = live[i].load(std::memory_order_relaxed);
    sums[i].peak_bytes = peak[i].load(std::memory_order_relaxed);
  }
}

}  // namespace weir
