#include "shim/route/routed_heap.hpp"

#include "core/pages.hpp"
#include "shim/abi/route_matches.hpp"
#include "shim/base/copy_block.hpp"
#include "shim/base/say.hpp"
#include "shim/guard/incident.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/route/targets.hpp"
#include "shim/track/heap_totals.hpp"

#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::routed {
namespace {

// Ends the process, as in glibc, unless on_error says otherwise.
WEIR_COLD void bad_free(const void* block) noexcept {
  if (heap_totals.bad_frees.fetch_add(1, std::memory_order_relaxed) == 0) {
    Line()
        .text("weir: free of ")
        .hex(reinterpret_cast<std::uint64_t>(block))
        .text(", which is no live block")
        .text(options.on_error == kOnErrorContinue ? ": ignored, this and later ones" : "")
        .say();
  }
  end_as_asked();
}

void* decide_and_allocate(const Request& request, std::size_t total, bool zero) noexcept {
  ThreadCache* cache = thread_cache();
  if (cache != nullptr) refresh_ways(*cache);
  const unsigned rule = rule_for(request, cache);
  void* block = allocate_by(cache, rule, total, request.alignment, zero);
  if (__builtin_expect(options.stats, 0)) count_request(cache, rule, request.bytes, block);
  return block;
}

void free_in_pool(void* block, BinIndex index) noexcept {
  if (ThreadCache* cache = thread_cache()) {
    if (!cache->bins()[index].push(block)) overflow(cache, index, block);
    return;
  }
  give_blocks(index, &block, 1);
}

WEIR_COLD void* allocate_slowly(std::size_t bytes, How how, std::uint64_t caller) noexcept {
  std::size_t total;
  void* block = nullptr;
  if (!__builtin_add_overflow(bytes, way_bytes, &total) && total <= PTRDIFF_MAX) {
    block = decide_and_allocate({bytes, kGranule, how.call, caller}, total, how.zero);
  }
  if (block == nullptr) errno = ENOMEM;
  return block;
}

// An empty bin of a pool, or a place that is no bin, at this index.
void* allocate_from_place(ThreadCache* cache, unsigned index, std::size_t total, bool zero) noexcept {
  const unsigned parent_index = 1 + pool_count * kSizeClasses;
  if (index == parent_index || __builtin_expect(cache->working, 0)) {  // working: a signal handler
    return from_parent(total, kGranule, zero);
  }
  void* block;
  unsigned rule;
  if (index < parent_index) {
    block = refill(cache, static_cast<BinIndex>(index));
    rule = rule_of_pool(pool_of_bin(static_cast<BinIndex>(index)));
  } else {
    rule = index - parent_index - 2;
    block = allocate_in(cache->lanes[rule], total);
  }
  if (__builtin_expect(block == nullptr, 0)) {
    block = when_full(rule, total, kGranule, zero);
    if (block == nullptr) errno = ENOMEM;
    return block;
  }
  return zero ? std::memset(block, 0, total) : block;
}

// A request of a way whose rules ask for the call site, seen before or not.
__attribute__((noinline)) void* allocate_by_site(ThreadCache* cache, std::size_t bytes, How how,
                                                 std::uint64_t caller) noexcept {
  const unsigned call = way_call(how.call);
  const std::uint64_t key = site_key(caller, call, way_of(bytes));
  const SiteSlot* slot = site_slots(*cache, key);
  Bin* bin;
  if (__builtin_expect(cache->site_epoch != call_site_epoch.load(std::memory_order_relaxed), 0)) {
    bin = find_site_bin(*cache, key, caller, how.call, bytes);
  } else if (__builtin_expect(slot->key == key, 1)) {
    bin = slot->bin;
  } else {
    unsigned i = 1;
    while (i < kSiteWays && slot[i].key != key) ++i;
    bin = i < kSiteWays ? slot[i].bin : find_site_bin(*cache, key, caller, how.call, bytes);
  }
  void* block = bin->pop();
  const std::size_t total = bytes + way_bytes;
  if (__builtin_expect(block != nullptr, 1)) {
    return __builtin_expect(how.zero, 0) ? std::memset(block, 0, total) : block;
  }
  if (bin == cache->bins()) return allocate_slowly(bytes, how, caller);
  return allocate_from_place(cache, static_cast<unsigned>(bin - cache->bins()), total, how.zero);
}

__attribute__((noinline)) void* allocate_elsewhere(ThreadCache* cache, Bin* bin, std::size_t bytes, How how,
                                                   std::uint64_t caller) noexcept {
  if (bin == cache->asks_site) return allocate_by_site(cache, bytes, how, caller);
  if (bin == cache->bins()) return allocate_slowly(bytes, how, caller);
  return allocate_from_place(cache, static_cast<unsigned>(bin - cache->bins()), bytes + way_bytes, how.zero);
}

}  // namespace

// Lanes and known call sites are served here, in a function that needs no frame;
// the rest a tail call further.
__attribute__((noinline)) void* allocate_at(ThreadCache* cache, Bin* bin, std::size_t bytes, How how,
                                            std::uint64_t caller) noexcept {
  if (bin > cache->asks_site && !cache->working && !how.zero) {
    void* block = allocate_in(cache->lanes[bin - cache->asks_site - 1], bytes + way_bytes);
    if (__builtin_expect(block != nullptr, 1)) return block;
  } else if (bin == cache->asks_site && bytes <= kFineBytes && !how.zero) {
    const std::uint64_t key = site_key(caller, way_call(how.call), fine_way_of(bytes));
    const SiteSlot* slot = site_slots(*cache, key);
    if (__builtin_expect(slot->key == key, 1) &&
        cache->site_epoch == call_site_epoch.load(std::memory_order_relaxed)) {
      if (void* block = slot->bin->pop(); __builtin_expect(block != nullptr, 1)) return block;
    }
  }
  return allocate_elsewhere(cache, bin, bytes, how, caller);
}

__attribute__((noinline)) void* allocate_coarse(std::size_t bytes, How how, std::uint64_t caller) noexcept {
  ThreadCache* cache = fast_cache;
  if (cache == nullptr || bytes > kMostPooled) return allocate_slowly(bytes, how, caller);
  Bin* bin = cache->ways[way_call(how.call)][way_of(bytes)];
  void* block = bin->pop();
  if (__builtin_expect(block == nullptr, 0)) return allocate_at(cache, bin, bytes, how, caller);
  return how.zero ? std::memset(block, 0, bytes + way_bytes) : block;
}

// The bin may hold more from now on, or its older half goes.
WEIR_COLD void overflow(ThreadCache* cache, BinIndex index, void* block) noexcept {
  if (cache->working) {  // a signal handler
    next_of(block) = cache->deferred;
    cache->deferred = block;
    return;
  }
  const Working working(cache);
  Bin& bin = cache->bins()[index];
  if (!grow_bin(cache, index, batch_of_class(class_of_bin(index)))) {
    look_for_old_spans();
    const Bin was = bin;
    bin = kNoBin;
    void** const oldest = cache->rooms[index].bottom + 1;
    void** const middle = oldest + cache->rooms[index].limit / 2;
    give_blocks(index, oldest, static_cast<unsigned>(middle - oldest));
    const auto kept = static_cast<std::size_t>(was.top + 1 - middle);
    std::memmove(static_cast<void*>(oldest), middle, kept * sizeof(void*));
    bin = {oldest + kept - 1, was.end};
  }
  bin.push(block);
}

__attribute__((noinline)) void deallocate_in_chunk(void* block) noexcept {
  Chunk* const chunk = chunk_of(block);
  Lane* const lane = chunk->lane.load(std::memory_order_relaxed);
  ThreadCache* const cache = fast_cache;
  // By the mark that a lane shares with its thread: nearer than its place among the thread's lanes.
  if (__builtin_expect(
          cache != nullptr && lane != nullptr && lane->working == &cache->working && !cache->working, 1)) {
    return free_in(*lane, chunk, block);
  }
  return deallocate_slowly(block);
}

__attribute__((noinline)) void deallocate_slowly(void* block) noexcept {
  const UnitIndex unit = unit_of(block);
  const std::uint16_t kind = kind_of(unit);
  if (kind == kNoKind) return bad_free(block);
  if (ThreadCache* interrupted = interrupted_cache()) {
    next_of(block) = interrupted->deferred;
    interrupted->deferred = block;
    return;
  }
  if (__builtin_expect(options.stats, 0))
    count_free(thread_cache(), rule_of_block(block), block, granted_bytes(block));
  if (kind < kFirstOtherKind) return free_in_pool(block, kind);
  ThreadCache* cache = thread_cache();
  const UnitIndex first = first_unit_of(unit);
  const Working working(cache);
  if (kind == kLargeKind) {
    const bool lane_is_ours = cache != nullptr && !routes[info_of(first).route].shared;
    return free_large(lane_is_ours ? &cache->lanes[info_of(first).route] : nullptr, first);
  }
  if (kind == kPageKind) return give_span(first, true);
  Chunk* const chunk = chunk_of(block);
  Lane* const lane = chunk->lane.load(std::memory_order_relaxed);
  if (cache != nullptr && lane == &cache->lanes[chunk->rule]) return free_in(*lane, chunk, block);
  if (lane != nullptr && lane->shared) {
    const SpinGuard guard(lane->lock, false);
    return free_in(*lane, chunk, block);
  }
  free_remotely(chunk, block);
  if (cache != nullptr) look_for_idle_chunks();
}

WEIR_COLD void deallocate_counted(void* block) noexcept {
  if (heap_zone.holds(block)) count_free(thread_cache(), kNoRule, block, parent::usable_size(block));
  passed::free(block);
}

std::size_t granted_bytes(void* block) noexcept {
  if (!is_routed(reinterpret_cast<std::uint64_t>(block))) return parent::usable_size(block);
  const UnitIndex unit = unit_of(block);
  const std::uint16_t kind = kind_of(unit);
  if (kind == kNoKind) return 0;
  if (kind < kFirstOtherKind) return size_of_class(class_of_bin(kind));
  if (kind == kChunkKind || kind == kFixedKind) return bytes_of_block(chunk_of(block), block);
  const UnitInfo& info = info_of(first_unit_of(unit));
  return kind == kPageKind ? round_up(info.bytes, kPageSize) : kUnitBytes << info.order;
}

unsigned rule_of_block(const void* block) noexcept {
  if (!is_routed(reinterpret_cast<std::uint64_t>(block))) return kNoRule;
  const UnitIndex unit = unit_of(block);
  const std::uint16_t kind = kind_of(unit);
  if (kind == kNoKind) return kNoRule;
  if (kind < kFirstOtherKind) return rule_of_pool(pool_of_bin(kind));
  if (kind == kChunkKind || kind == kFixedKind) return chunk_of(block)->rule;
  return info_of(first_unit_of(unit)).route;
}

namespace {

// The rule says so, or the route is not for such sizes.
bool comes_from_parent(unsigned rule, std::size_t total) noexcept {
  const RouteTarget target = routes[rule].target;
  return target == RouteTarget::kParent || (target == RouteTarget::kPool && total > kMostPooled);
}

// In place, where that wastes no more than half.
bool resize(void* block, std::size_t have, std::size_t total) noexcept {
  const std::uint16_t kind = tag_of(unit_of(block)).kind();
  if (kind < kFirstOtherKind) return total <= have && total > have / 2;
  if (kind == kLargeKind || kind == kPageKind) {
    if (total > have || total < have / 4) return false;
    info_of(first_unit_of(unit_of(block))).bytes = total;
    return true;
  }
  Chunk* const chunk = chunk_of(block);
  ThreadCache* cache = thread_cache();
  if (cache != nullptr && chunk->lane.load(std::memory_order_relaxed) == &cache->lanes[chunk->rule]) {
    const Working working(cache);
    return resize_in(cache->lanes[chunk->rule], chunk, block, total);
  }
  if (routes[chunk->rule].shared && interrupted_cache() == nullptr) {
    const Working working(cache);
    const SpinGuard guard(shared_lanes[chunk->rule].lock, false);
    return resize_in(shared_lanes[chunk->rule], chunk, block, total);
  }
  return total <= have && total > have / 2;
}

}  // namespace

bool resize_in_place(void* block, std::size_t total, const Request& request) noexcept {
  const bool was_routed = is_routed(reinterpret_cast<std::uint64_t>(block));
  const std::size_t have = granted_bytes(block);
  if (was_routed) {
    if (!resize(block, have, total)) return false;
  } else {
    ThreadCache* cache = thread_cache();
    if (cache != nullptr) refresh_ways(*cache);
    if (!comes_from_parent(rule_for(request, cache), total) || !parent::resize(block, total)) return false;
  }
  if (options.stats) {
    count_free(thread_cache(), rule_of_block(block), block, have);
    count_request(thread_cache(), rule_of_block(block), request.bytes, block);
  }
  return true;
}

void* reallocate(void* block, std::size_t total, const Request& request) noexcept {
  const bool was_routed = is_routed(reinterpret_cast<std::uint64_t>(block));
  const std::size_t have = granted_bytes(block);
  if (was_routed && resize_in_place(block, total, request)) return block;
  ThreadCache* cache = thread_cache();
  if (cache != nullptr) refresh_ways(*cache);
  const unsigned rule = rule_for(request, cache);
  void* moved;
  if (!was_routed && comes_from_parent(rule, total)) {
    moved = parent::reallocate(block, passed::at_least(total));
    if (moved != nullptr && options.stats) count_free(cache, kNoRule, block, have);
  } else {
    moved = allocate_by(cache, rule, total, kGranule, false);
    if (moved != nullptr) {
      copy_block(moved, block, have < total ? have : total);
      deallocate(block);
    }
  }
  if (options.stats) count_request(cache, rule, request.bytes, moved);
  return moved;
}

void* allocate_aligned(const Request& request, std::size_t total) noexcept {
  return total > PTRDIFF_MAX ? nullptr : decide_and_allocate(request, total, false);
}

// ---- the entry points' bodies

void* reallocate_for(void* block, std::size_t bytes, std::uint64_t caller) noexcept {
  if (block == nullptr) return allocate(bytes, CallKind::kRealloc, caller);
  if (!heap_zone.holds(block)) return libc::realloc_foreign(block, bytes);
  if (bytes == 0) {  // glibc frees and returns nullptr
    deallocate(block);
    return nullptr;
  }
  if (bytes > PTRDIFF_MAX) return fail();
  void* moved = reallocate(block, bytes, {bytes, kGranule, CallKind::kRealloc, caller});
  return moved != nullptr ? moved : fail();
}

void* memalign_for(std::size_t alignment, std::size_t bytes, CallKind call, std::uint64_t caller) noexcept {
  void* block = allocate_aligned({bytes, alignment, call, caller}, bytes);
  return block != nullptr ? block : fail();
}

int posix_memalign_for(void** out, std::size_t alignment, std::size_t bytes, std::uint64_t caller) noexcept {
  const int saved = errno;
  void* block = allocate_aligned(
      {bytes, alignment < kGranule ? kGranule : alignment, CallKind::kMemalign, caller}, bytes);
  errno = block == nullptr ? ENOMEM : saved;  // as glibc, which POSIX would have left alone
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

std::size_t usable_size(void* block) noexcept {
  if (block == nullptr) return 0;
  return heap_zone.holds(block) ? granted_bytes(block) : libc::usable_size_foreign(block);
}

}  // namespace weir::routed
