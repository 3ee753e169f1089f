#include "shim/route/thread_cache.hpp"

#include <sys/prctl.h>

#include <cstring>
#include <string_view>

#include "core/pages.hpp"
#include "shim/abi/route_matches.hpp"
#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/route/routes.hpp"

namespace weir {

__thread ThreadCache* fast_cache = nullptr;
constinit void* no_block = nullptr;

namespace {

constexpr std::uint32_t kMostCaches = 1u << 20;

__thread ThreadCache* own_cache __attribute__((tls_model("initial-exec"))) = nullptr;
__thread bool over __attribute__((tls_model("initial-exec"))) = false;

constinit SpinLock lock;
constinit std::uint64_t table = 0;
constinit std::atomic<std::uint32_t> made{0};
constinit ThreadCache* free_caches = nullptr;

unsigned bin_count() noexcept {
  return 1 + pool_count * kSizeClasses + 1 + route_rules.count + 1;
}

constexpr std::size_t kSlotsOfPool = [] {
  std::size_t slots = 0;
  for (unsigned k = 0; k < kSizeClasses; ++k) slots += 1 + most_cached_of_class(k);
  return slots;
}();

// Behind the struct: bins, lanes, rooms of bins, and the stacks,
// whose pages are touched as far as they are used.
struct CacheLayout {
  std::size_t lanes, rooms, sites, slots, bytes;
};
CacheLayout cache_layout() noexcept {
  CacheLayout at{};
  at.lanes = round_up(sizeof(ThreadCache) + bin_count() * sizeof(Bin), 64);
  at.rooms = round_up(at.lanes + route_rules.count * sizeof(Lane), 64);
  at.sites = round_up(at.rooms + (1 + pool_count * kSizeClasses) * sizeof(BinRoom), 64);
  at.slots = at.sites + (sites_matter ? kSiteSlots * sizeof(SiteSlot) : 0);
  at.bytes = round_up(at.slots + pool_count * kSlotsOfPool * sizeof(void*), kPageSize);
  return at;
}

}  // namespace

ThreadCache& cache_at(std::uint32_t index) noexcept {
  return *reinterpret_cast<ThreadCache*>(table + index * cache_layout().bytes);
}
std::uint32_t cache_count() noexcept {
  return made.load(std::memory_order_acquire);
}

namespace {

ThreadCache* take_cache() noexcept {
  const SpinGuard guard(lock, false);
  if (free_caches != nullptr) {
    ThreadCache* c = free_caches;
    free_caches = c->next_free;
    return c;
  }
  const std::uint32_t index = made.load(std::memory_order_relaxed);
  if (index == kMostCaches) return nullptr;
  const std::size_t bytes = cache_layout().bytes;
  if (table == 0) table = table_zone.claim(kMostCaches * bytes);
  if (!map_claimed(table + index * bytes, bytes)) return nullptr;
  made.store(index + 1, std::memory_order_release);
  return &cache_at(index);
}

Bin* parent_bin(ThreadCache& c) noexcept {
  return c.bins() + 1 + std::size_t{pool_count} * kSizeClasses;
}

void set_up_bins(ThreadCache& c) noexcept {
  const CacheLayout at = cache_layout();
  char* const start = reinterpret_cast<char*>(&c);
  c.lanes = reinterpret_cast<Lane*>(start + at.lanes);
  c.rooms = reinterpret_cast<BinRoom*>(start + at.rooms);
  c.sites = reinterpret_cast<SiteSlot*>(start + at.sites);
  auto** slots = reinterpret_cast<void**>(start + at.slots);
  c.asks_site = parent_bin(c) + 1;
  for (unsigned i = 0; i < bin_count(); ++i) c.bins()[i] = kNoBin;
  for (unsigned i = 1; i < 1 + pool_count * kSizeClasses; ++i) {
    const unsigned k = class_of_bin(static_cast<BinIndex>(i));
    const auto limit = static_cast<std::uint16_t>(batch_of_class(k));
    c.rooms[i] = {slots, limit, static_cast<std::uint16_t>(most_cached_of_class(k))};
    *slots = nullptr;
    c.bins()[i] = {slots, slots + 1 + limit};
    slots += 1 + most_cached_of_class(k);
  }
  for (unsigned i = 0; i < route_rules.count; ++i) {
    c.lanes[i].route = &arena_routes[i];
    c.lanes[i].working = &c.working;
  }
}

// The place for requests that take rule i, of up to `most` bytes.
Bin* place_of(ThreadCache& c, unsigned i, std::size_t most) noexcept {
  switch (routes[i].target) {
    case RouteTarget::kPool:
      return most + way_bytes <= kMostPooled
                 ? c.bins() + bin_of(routes[i].pool, class_of_size(most + way_bytes))
                 : c.bins();
    case RouteTarget::kArena:
    case RouteTarget::kFixed:
      return routes[i].shared ? c.bins() : parent_bin(c) + 2 + i;
    case RouteTarget::kParent:
      return parent_bin(c);
    case RouteTarget::kPage:
      break;
  }
  return c.bins();
}

void make_way(ThreadCache& c, CallKind call, unsigned way, std::size_t least, std::size_t most) noexcept {
  Bin*& bin = c.ways[way_call(call)][way];
  RuleMask& candidates = c.candidates[way_call(call)][way];
  candidates = 0;
  RuleMask by_site = 0;
  unsigned decided = kNoRule;
  for (unsigned i = 0; i < route_rules.count && decided == kNoRule; ++i) {
    const RouteConditions& when = route_rules.rule[i].when;
    if ((c.thread_rules >> i & 1) == 0 || !call_holds(when, call) || !alignment_holds(when, kGranule) ||
        when.least_bytes > most || when.most_bytes < least) {
      continue;
    }
    if (when.least_bytes > least || when.most_bytes < most) {  // holds for some of these sizes
      bin = c.bins();
      return;
    }
    if (!when.module.empty() || !when.caller.empty() || !when.source.empty()) {
      by_site |= RuleMask{1} << i;
    } else {
      decided = i;
    }
  }
  if (by_site != 0) {
    candidates = by_site | (decided != kNoRule ? RuleMask{1} << decided : 0);
    bin = c.asks_site;
  } else {
    bin = decided != kNoRule ? place_of(c, decided, most) : parent_bin(c);
  }
}

void make_ways_once(ThreadCache& c) noexcept {
  if (sites_matter) std::memset(static_cast<void*>(c.sites), 0, kSiteSlots * sizeof(SiteSlot));
  c.thread_rules = rules_of_this_thread();
  for (const CallKind call : kWayCall) {
    make_way(c, call, 0, 0, 0);
    for (unsigned i = 1; i < kFineWays; ++i) make_way(c, call, i, (i - 1) * kGranule + 1, i * kGranule);
    for (unsigned k = kFirstCoarseClass; k < kSizeClasses; ++k) {
      make_way(c, call, kFineWays + k - kFirstCoarseClass, size_of_class(k - 1) + 1, size_of_class(k));
    }
  }
}

// Renamed meanwhile: made anew.
void make_ways(ThreadCache& c) noexcept {
  do {
    c.stale.store(false, std::memory_order_seq_cst);
    make_ways_once(c);
  } while (c.stale.load(std::memory_order_seq_cst));
}

void flush(ThreadCache& c) noexcept {
  for (unsigned i = 1; i < 1 + pool_count * kSizeClasses; ++i) {
    Bin& bin = c.bins()[i];
    void** const bottom = c.rooms[i].bottom;
    const Bin was = bin;
    bin = kNoBin;
    give_blocks(static_cast<BinIndex>(i), bottom + 1, static_cast<unsigned>(was.top - bottom));
    bin = {bottom, was.end};
  }
}

// Under the lock: the thread is gone.
void retire(ThreadCache& c, bool for_others = true) noexcept {
  retire_counts(c.counts);
  c.in_use = false;
  if (!for_others) return;
  c.next_free = free_caches;
  free_caches = &c;
}

}  // namespace

RuleMask rules_of_this_thread() noexcept {
  if (!threads_matter) return ~RuleMask{0};
  char name[16] = "";
  sys::call(SYS_prctl, PR_GET_NAME, sys::as_word(name));
  return rules_where(route_rules, [&](const RouteConditions& when) { return thread_holds(when, name); });
}

__attribute__((noinline)) Bin* find_site_bin(ThreadCache& cache, std::uint64_t key,
                                             std::uint64_t return_address, CallKind call,
                                             std::size_t bytes) noexcept {
  const std::uint32_t epoch = call_site_epoch.load(std::memory_order_acquire);
  if (cache.site_epoch != epoch) {
    std::memset(static_cast<void*>(cache.sites), 0, kSiteSlots * sizeof(SiteSlot));
    cache.site_epoch = epoch;
  }
  const RuleMask held =
      cache.candidates[way_call(call)][way_of(bytes)] & route_sites.rules_at(return_address);
  const std::size_t most =
      bytes <= kFineBytes ? round_up(bytes, kGranule) : size_of_class(class_of_size(bytes));
  Bin* bin =
      held != 0 ? place_of(cache, static_cast<unsigned>(__builtin_ctz(held)), most) : parent_bin(cache);
  // The newest is in front: what fell out was asked for longest ago.
  SiteSlot* const slots = site_slots(cache, key);
  std::memmove(static_cast<void*>(slots + 1), slots, (kSiteWays - 1) * sizeof *slots);
  slots[0] = {key, bin};
  return bin;
}

__attribute__((noinline, cold)) static ThreadCache* make_thread_cache() noexcept {
  ThreadCache* c = take_cache();
  if (c == nullptr) return nullptr;
  c->working = true;
  c->thread = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  c->in_use = true;
  own_cache = c;
  set_up_bins(*c);
  make_ways(*c);
  if (!options.stats) fast_cache = c;
  watch_this_thread();
  c->working = false;
  return c;
}

ThreadCache* thread_cache() noexcept {
  ThreadCache* c = own_cache;
  if (__builtin_expect(c == nullptr, 0)) return over ? nullptr : make_thread_cache();
  return c->working ? nullptr : c;
}

ThreadCache* interrupted_cache() noexcept {
  return own_cache != nullptr && own_cache->working ? own_cache : nullptr;
}

void refresh_ways(ThreadCache& cache) noexcept {
  if (cache.stale.load(std::memory_order_relaxed)) make_ways(cache);
}

void note_thread_renamed(std::uint64_t thread) noexcept {
  if (!threads_matter) return;
  const SpinGuard guard(lock, false);
  for (std::uint32_t i = made.load(std::memory_order_relaxed); i-- != 0;) {
    ThreadCache& c = cache_at(i);
    if (!c.in_use || c.thread != thread) continue;
    // Its next request asks, and finds out. Before and after: it may be making its ways just now.
    c.stale.store(true, std::memory_order_seq_cst);
    for (auto& call : c.ways) {
      for (Bin*& way : call) __atomic_store_n(&way, &c.bins()[0], __ATOMIC_RELAXED);
    }
    for (auto& call : c.candidates) {
      for (RuleMask& mask : call) __atomic_store_n(&mask, 0, __ATOMIC_RELAXED);
    }
    c.stale.store(true, std::memory_order_seq_cst);
    return;
  }
}

void end_thread_cache() noexcept {
  ThreadCache* c = own_cache;
  fast_cache = nullptr;
  if (c != nullptr) {
    c->working = true;  // until all is given back: a signal handler that comes now leaves its blocks
    flush(*c);
    for (unsigned i = 0; i < route_rules.count; ++i) abandon_lane(c->lanes[i]);
  }
  own_cache = nullptr;
  over = true;
  if (c == nullptr) return;
  while (void* block = c->deferred) {
    c->deferred = next_of(block);
    routed::deallocate_slowly(block);
  }
  const SpinGuard guard(lock, false);
  retire(*c);
}

void flush_thread_cache(ThreadCache& cache) noexcept {
  flush(cache);
}

void set_working(bool working) noexcept {
  if (own_cache != nullptr) own_cache->working = working;
}

void adopt_other_caches() noexcept {
  for (std::uint32_t i = made.load(std::memory_order_relaxed); i-- != 0;) {
    ThreadCache& c = cache_at(i);
    if (&c == own_cache || !c.in_use) continue;
    if (!c.working) flush(c);
    bool whole = true;
    for (unsigned r = 0; r < route_rules.count; ++r) whole &= abandon_cut_off_lane(c.lanes[r]);
    retire(c, whole);
  }
}

void lock_caches() noexcept {
  lock.lock();
}
void unlock_caches() noexcept {
  lock.unlock();
}

}  // namespace weir
