#include "shim/route/targets.hpp"

#include <stdlib.h>
#include <sys/mman.h>

#include "core/pages.hpp"
#include "shim/abi/route_matches.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"

#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::routed {

void* from_parent(std::size_t total, std::size_t alignment, bool zero) noexcept {
  if (alignment > kGranule) return parent::allocate_aligned(alignment, passed::at_least(total));
  return zero ? parent::allocate_zeroed(passed::at_least(total)) : parent::allocate(passed::at_least(total));
}

// The route has no room for it.
WEIR_COLD void* when_full(unsigned rule, std::size_t total, std::size_t alignment, bool zero) noexcept {
  if (routes[rule].full == WhenFull::kAbort) {
    Line()
        .text("weir: route '")
        .text(route_name(route_rules, rule).view())
        .text("' is full: no room for ")
        .number(total - way_bytes)
        .text(" bytes (full=abort)")
        .say();
    ::abort();
  }
  if (routes[rule].full == WhenFull::kNull) return nullptr;
  return from_parent(total, alignment, zero);
}

// Lets the bin hold more from now on; false when it holds as much as it may.
bool grow_bin(ThreadCache* cache, BinIndex index, unsigned by) noexcept {
  BinRoom& room = cache->rooms[index];
  if (room.limit == room.most) return false;
  const unsigned limit = room.limit + by;
  room.limit = static_cast<std::uint16_t>(limit < room.most ? limit : room.most);
  cache->bins()[index].end = room.bottom + 1 + room.limit;
  return true;
}

// Fills the bin and takes the first block; nullptr when there is none.
WEIR_COLD void* refill(ThreadCache* cache, BinIndex index) noexcept {
  const Working working(cache);
  look_for_old_spans();
  look_for_idle_chunks();
  grow_bin(cache, index, cache->rooms[index].limit);
  const BinRoom& room = cache->rooms[index];
  Bin& bin = cache->bins()[index];
  bin = kNoBin;
  const unsigned count = take_blocks(index, room.limit / 2u, room.bottom + 1);
  void* const block = count != 0 ? room.bottom[count] : nullptr;
  bin = {count != 0 ? room.bottom + count - 1 : room.bottom, room.bottom + 1 + room.limit};
  return block;
}

namespace {

constexpr std::size_t kMostAlignedInPool = kPageSize;

void* from_pool(ThreadCache* cache, unsigned rule, std::size_t total, std::size_t alignment,
                bool zero) noexcept {
  const unsigned size_class = alignment <= kGranule && total <= kMostPooled ? class_of_size(total)
                              : alignment <= kMostAlignedInPool && total <= kMostPooled
                                  ? class_of_aligned(total, alignment)
                                  : kSizeClasses;
  if (size_class == kSizeClasses) return from_parent(total, alignment, zero);
  const BinIndex index = bin_of(routes[rule].pool, size_class);
  void* block;
  if (cache != nullptr) {
    block = cache->bins()[index].pop();
    if (block == nullptr) block = refill(cache, index);
  } else {
    if (interrupted_cache() != nullptr || take_blocks(index, 1, &block) == 0) {
      return from_parent(total, alignment, zero);
    }
  }
  if (block == nullptr) return when_full(rule, total, alignment, zero);
  return zero ? std::memset(block, 0, total) : block;
}

void* from_arena(ThreadCache* cache, unsigned rule, std::size_t total, std::size_t alignment,
                 bool zero) noexcept {
  void* block;
  if (routes[rule].shared && interrupted_cache() == nullptr) {
    const Working working(cache);
    Lane& lane = shared_lanes[rule];
    const SpinGuard guard(lane.lock, false);
    block = allocate_in(lane, total, alignment);
    if (lane.route->fixed) note_use(lane);
  } else if (cache != nullptr && !routes[rule].shared) {
    const Working working(cache);
    Lane& lane = cache->lanes[rule];
    block = allocate_in(lane, total, alignment);
    if (lane.route->fixed) note_use(lane);
  } else {
    return from_parent(total, alignment, zero);  // a thread at its end, a signal handler
  }
  if (block == nullptr) return when_full(rule, total, alignment, zero);
  if (!zero) return block;
  const UnitIndex unit = unit_of(block);
  if (tag_of(unit).kind() == kLargeKind && (info_of(unit).used & kZeroed) != 0) return block;
  return std::memset(block, 0, total);
}

void* from_pages(ThreadCache* cache, unsigned rule, std::size_t total, std::size_t alignment,
                 bool zero) noexcept {
  const std::size_t most = total > alignment ? total : alignment;
  const unsigned order = most <= kUnitBytes << kMostOrder ? order_of_bytes(most) : kMostOrder + 1;
  if (interrupted_cache() != nullptr) return from_parent(total, alignment, zero);
  const Working working(cache);
  bool zeroed = false;
  const UnitIndex unit = take_span(order, kPageKind, &zeroed);
  if (unit == 0) return when_full(rule, total, alignment, zero);
  info_of(unit).bytes = total;
  info_of(unit).route = static_cast<std::uint16_t>(rule);
  if (route_rules.rule[rule].with.huge) {
    sys::call(SYS_madvise, sys::as_word(unit_address(unit)), static_cast<long>(kUnitBytes << order),
              MADV_HUGEPAGE);
  }
  void* block = unit_address(unit);
  return zero && !zeroed ? std::memset(block, 0, total) : block;
}

}  // namespace

void* allocate_by(ThreadCache* cache, unsigned rule, std::size_t total, std::size_t alignment,
                  bool zero) noexcept {
  switch (routes[rule].target) {
    case RouteTarget::kPool:
      return from_pool(cache, rule, total, alignment, zero);
    case RouteTarget::kArena:
    case RouteTarget::kFixed:
      return from_arena(cache, rule, total, alignment, zero);
    case RouteTarget::kPage:
      return from_pages(cache, rule, total, alignment, zero);
    case RouteTarget::kParent:
      break;
  }
  return from_parent(total, alignment, zero);
}

}  // namespace weir::routed
