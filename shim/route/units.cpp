#include "shim/route/units.hpp"

#include <sys/mman.h>
#include <time.h>

#include "core/pages.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/libc.hpp"

namespace weir {

constinit GrowingTable<UnitTag> unit_tags;
constinit GrowingTable<UnitInfo> unit_infos;
constinit GrowingTable<SpanBits> span_bits;

namespace {

constexpr std::uint64_t kKeptMilliseconds = 1000;
constexpr std::uint64_t kNever = ~std::uint64_t{0};  // a stamp that does not age
constexpr unsigned kDecayEvery = 16;                 // operations on spans between two looks at the clock

// Spans of one size, newest first.
struct SpanList {
  UnitIndex newest = 0, oldest = 0;
};

constinit SpinLock lock;
constinit SpanList dirty[kMostOrder + 1];
constinit SpanList clean[kMostOrder + 1];
constinit std::uint64_t dirty_units = 0;
constinit UnitIndex frontier = 1;  // the first unit that was never handed out
constinit std::atomic<UnitIndex> mapped_end{0};
constinit unsigned operations = 0;

void push(SpanList& list, UnitIndex first) noexcept {
  UnitInfo& info = info_of(first);
  info.previous = 0;
  info.next = list.newest;
  if (list.newest != 0) info_of(list.newest).previous = first;
  list.newest = first;
  if (list.oldest == 0) list.oldest = first;
}

void unlink(SpanList& list, UnitIndex first) noexcept {
  const UnitInfo& info = info_of(first);
  (info.previous != 0 ? info_of(info.previous).next : list.newest) = info.next;
  (info.next != 0 ? info_of(info.next).previous : list.oldest) = info.previous;
}

std::uint64_t now_ms() noexcept {
  timespec t{};
  libc::read_clock(CLOCK_MONOTONIC_COARSE, t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1000 + static_cast<std::uint64_t>(t.tv_nsec) / 1'000'000;
}

// Maps the zone and its tables up to `end`, by a quarter of what there is.
bool map_to(UnitIndex end) noexcept {
  const UnitIndex have = mapped_end.load(std::memory_order_relaxed);
  if (end <= have) return true;
  constexpr UnitIndex kLeast = 16;
  constexpr UnitIndex kMost = 1024;
  UnitIndex step = have / 4 < kLeast ? kLeast : have / 4 > kMost ? kMost : have / 4;
  if (step < end - have) step = end - have;
  if ((std::uint64_t{have} + step) << kUnitShift > kRouteSpan) return false;
  for (;;) {
    if (unit_tags.ensure(have + step) && unit_infos.ensure(have + step) && span_bits.ensure(have + step) &&
        map_claimed(kRouteBase + (std::uint64_t{have} << kUnitShift), std::size_t{step} << kUnitShift)) {
      break;
    }
    if (step == end - have) return false;
    step = end - have;  // a limit forbids more than what is needed
  }
  mapped_end.store(have + step, std::memory_order_release);
  return true;
}

void mark_free(UnitIndex first, unsigned order) noexcept {
  unit_tags[first] = {kFreeKind, 0};
  info_of(first).order = static_cast<std::uint16_t>(order);
}

// Into the list of its kind, with those of its buddies that are in it. The older stamp stays, so that a large
// span ages although small ones come and go at its edge.
void put(SpanList (&lists)[kMostOrder + 1], UnitIndex first, unsigned order, std::uint64_t stamp) noexcept {
  const bool is_clean = &lists == &clean;
  while (order < kMostOrder) {
    const UnitIndex buddy = first ^ (UnitIndex{1} << order);
    if (buddy >= frontier || tag_of(buddy).kind() != kFreeKind) break;
    const UnitInfo& info = info_of(buddy);
    if (info.order != order || (info.retained != 0) != is_clean) break;
    unlink(lists[order], buddy);
    if (info.stamp < stamp) stamp = info.stamp;
    unit_tags[buddy] = {};
    unit_tags[first] = {};
    if (buddy < first) first = buddy;
    ++order;
  }
  mark_free(first, order);
  info_of(first).stamp = stamp;
  info_of(first).retained = is_clean;
  push(lists[order], first);
}

// A span beyond all others. What alignment leaves behind becomes spans of its own.
UnitIndex take_new(unsigned order) noexcept {
  const UnitIndex units = UnitIndex{1} << order;
  const UnitIndex first = (frontier + units - 1) & ~(units - 1);
  if (!map_to(first + units)) return 0;
  while (frontier != first) {
    const unsigned o = static_cast<unsigned>(__builtin_ctz(frontier));
    const UnitIndex between = frontier;
    frontier += UnitIndex{1} << o;
    put(clean, between, o, 0);
  }
  frontier = first + units;
  return first;
}

// The newest of the smallest that are large enough; what is too much of it stays.
UnitIndex take_kept(SpanList (&lists)[kMostOrder + 1], unsigned order) noexcept {
  unsigned o = order;
  while (o <= kMostOrder && lists[o].newest == 0) ++o;
  if (o > kMostOrder) return 0;
  const UnitIndex first = lists[o].newest;
  unlink(lists[o], first);
  unit_tags[first] = {};  // before the lock goes: its buddy must not take it for free
  const std::uint64_t stamp = info_of(first).stamp;
  while (o != order) {
    --o;
    const UnitIndex half = first + (UnitIndex{1} << o);
    mark_free(half, o);
    info_of(half).stamp = stamp;
    info_of(half).retained = &lists == &clean;
    push(lists[o], half);
  }
  return first;
}

// False where the system keeps them (locked pages): they are as dirty as before.
bool purge(UnitIndex first, unsigned order) noexcept {
  return sys::call(SYS_madvise, sys::as_word(unit_address(first)), static_cast<long>(kUnitBytes << order),
                   MADV_DONTNEED) == 0;
}

// Gives back what came back before `deadline`; the lock is not held over the system's work.
void purge_older_than(std::uint64_t deadline) noexcept {
  for (unsigned order = 0; order <= kMostOrder; ++order) {
    for (;;) {
      lock.lock();
      const UnitIndex first = dirty[order].oldest;
      const bool old = first != 0 && info_of(first).stamp < deadline;
      if (old) {
        unlink(dirty[order], first);
        unit_tags[first] = {};
        dirty_units -= UnitIndex{1} << order;
      }
      lock.unlock();
      if (!old) break;
      const bool purged = purge(first, order);
      const SpinGuard guard(lock, false);
      put(purged ? clean : dirty, first, order, purged ? 0 : kNever);
      if (!purged) dirty_units += UnitIndex{1} << order;
    }
  }
}

bool time_to_look() noexcept {
  return __atomic_add_fetch(&operations, 1, __ATOMIC_RELAXED) % kDecayEvery == 0;
}

void set_tags(UnitIndex first, unsigned order, std::uint16_t kind) noexcept {
  for (UnitIndex i = 0; i < UnitIndex{1} << order; ++i) {
    unit_tags[first + i] = {kind, i};
  }
}

}  // namespace

bool is_mapped_unit(UnitIndex unit) noexcept {
  return unit < mapped_end.load(std::memory_order_acquire);
}

UnitIndex take_span(unsigned order, std::uint16_t kind, bool* zeroed) noexcept {
  if (order > kMostOrder) return 0;
  UnitIndex first;
  {
    const SpinGuard guard(lock, false);
    first = take_kept(dirty, order);
    if (zeroed != nullptr) *zeroed = first == 0;
    if (first != 0) {
      dirty_units -= UnitIndex{1} << order;
    } else if ((first = take_kept(clean, order)) == 0) {
      first = take_new(order);
    }
    if (first == 0) return 0;
    info_of(first) = {};
    info_of(first).order = static_cast<std::uint16_t>(order);
  }
  set_tags(first, order, kind);
  return first;
}

void give_span(UnitIndex first, bool now) noexcept {
  const unsigned order = info_of(first).order;
  set_tags(first, order, kNoKind);
  now = now && purge(first, order);
  const std::uint64_t time = now_ms();
  {
    const SpinGuard guard(lock, false);
    put(now ? clean : dirty, first, order, time);
    if (!now) dirty_units += UnitIndex{1} << order;
  }
  if (time_to_look()) purge_older_than(time > kKeptMilliseconds ? time - kKeptMilliseconds : 0);
}

void look_for_old_spans() noexcept {
  if (__atomic_load_n(&dirty_units, __ATOMIC_RELAXED) == 0 || !time_to_look()) return;
  purge_older_than(now_ms() - kKeptMilliseconds);
}

void trim_spans() noexcept {
  purge_older_than(kNever);
}

SpanUse span_use() noexcept {
  const SpinGuard guard(lock, false);
  return {std::uint64_t{frontier - 1} << kUnitShift, dirty_units << kUnitShift};
}

void lock_spans_for_fork() noexcept {
  lock.lock();
}
void unlock_spans_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir
