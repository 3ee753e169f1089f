#include "shim/guard/quarantine.hpp"

#include <bit>

#include "shim/base/options.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/damage.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/routed_heap.hpp"

namespace weir::quarantine {

constinit Ring usual{};
constinit Ring large{};

namespace {

constinit SpinLock lock;
constexpr std::uint64_t kMostBatchBytes = std::uint64_t{128} << 10;
constexpr std::uint64_t kMostWaitNs = 100'000'000;

constexpr std::uint64_t kLargeBlock = std::uint64_t{64} << 10;  // larger ones have their own ring

Ring& ring_of(const GuardHeader& header) noexcept {
  return header.bytes() > kLargeBlock ? large : usual;
}

// A weight in sixteen bits, in units of 16 bytes: eleven bits, and above them how far they are shifted to the
// left. So the largest are counted to a thousandth.
constexpr unsigned kWeightBits = 11;

std::uint64_t place_of(const GuardHeader& header) noexcept {
  const std::uint64_t units =
      (GuardHeader::offset_of(header.alignment()) + GuardHeader::span_of(header.bytes())) / 16;
  const auto width = static_cast<unsigned>(std::bit_width(units));
  const unsigned shift = width > kWeightBits ? width - kWeightBits : 0;
  const std::uint64_t weight = units >> shift | std::uint64_t{shift} << kWeightBits;
  return reinterpret_cast<std::uint64_t>(header.block()) | weight << 48;
}
constexpr std::uint64_t bytes_of(std::uint64_t place) noexcept {
  const std::uint64_t weight = place >> 48;
  return (weight & ((1u << kWeightBits) - 1)) << (weight >> kWeightBits) << 4;
}

void let_go(GuardHeader* header) noexcept {
  void* const base = header->parent_block();
  const std::size_t alignment = header->alignment();
  const std::size_t total = kGuardHeaderBytes + GuardHeader::span_of(header->bytes());
  header->leave();
  if (__builtin_expect(routing, 0)) return routed::deallocate(base);
  if (__builtin_expect(alignment == kHeaderBytes, 1)) return parent::deallocate_sized(base, total);
  parent::deallocate(base);
}

// Out of the quarantine: checked, then the parent's.
void release(GuardHeader* header) noexcept {
  if (__builtin_expect(!freed_block_is_whole(*header), 0)) {
    Incident incident;
    describe_freed_block(incident, *header, IncidentOccasion::kQuarantine);
    return report_incident(incident);  // the block stays out of use for good
  }
  let_go(header);
}

bool is_over_budget(const Ring& ring) noexcept {
  return ring.bytes > ring.most_bytes || ring.behind - ring.first > options.quarantine_blocks;
}

// Takes blocks in. What they weigh is counted here: forget() may have taken some out of a batch.
void keep(Ring& ring, const std::uint64_t* in, unsigned count) noexcept {
  for (unsigned i = 0; i < count; ++i) {
    ring.place[ring.behind & ring.mask] = in[i];
    ring.bytes += bytes_of(in[i]);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);  // a check may stop us anywhere
    ++ring.behind;
  }
}

// Takes the oldest out as long as there are too many; how many.
unsigned take_oldest(Ring& ring, GuardThread& to) noexcept {
  unsigned leaving = 0;
  while (ring.first != ring.behind && leaving < GuardThread::kMostLeaving && is_over_budget(ring)) {
    const std::uint64_t place = ring.place[ring.first++ & ring.mask];
    ring.bytes -= bytes_of(place);
    __atomic_store_n(&to.leaves[leaving++], place, __ATOMIC_RELAXED);
  }
  __atomic_store_n(&to.leaving, leaving, __ATOMIC_RELAXED);
  return leaving;
}

// A block that leaves has not been touched for long: its lines are asked for while others are looked at.
void fetch_ahead(std::uint64_t place) noexcept {
  const char* const block = static_cast<const char*>(block_at(place));
  const char* const end = block + (bytes_of(place) < 256 ? bytes_of(place) : 256);
  for (const char* at = block - kGuardHeaderBytes; at < end; at += 64) __builtin_prefetch(at, 1);
}

// Places go in, and are no longer the caller's; the oldest come out.
void exchange(GuardThread& by, Ring& ring, const std::uint64_t* in, std::uint32_t& count) noexcept {
  constexpr unsigned kAhead = 6;
  const std::uint64_t* const out = by.leaves;
  unsigned leaving;
  do {
    {
      const SpinGuard guard(lock, false);
      keep(ring, in, count);
      count = 0;  // under the lock: for_each may visit a thread's block twice, but none that has left
      leaving = take_oldest(ring, by);
    }
    for (unsigned i = 0; i < kAhead && i < leaving; ++i) fetch_ahead(out[i]);
    for (unsigned i = 0; i < leaving; ++i) {
      if (i + kAhead < leaving) fetch_ahead(out[i + kAhead]);
      if (__builtin_expect(out[i] != kForgotten, 1)) release(GuardHeader::of(block_at(out[i])));
    }
    __atomic_store_n(&by.leaving, 0, __ATOMIC_RELEASE);
  } while (leaving == GuardThread::kMostLeaving);
}

// From a signal handler that may have interrupted an exchange, which nobody must wait for.
__attribute__((noinline, cold)) void hold_one(Ring& ring, std::uint64_t place) noexcept {
  {
    const SpinGuard guard(lock, true);
    if (guard.held() && !is_over_budget(ring)) return keep(ring, &place, 1);
  }
  release(GuardHeader::of(block_at(place)));
}

struct MemoryRange {
  std::uint64_t start, bytes;
  bool has(std::uint64_t place) const noexcept {
    return reinterpret_cast<std::uint64_t>(block_at(place)) - start < bytes;
  }
};

void forget_held(const MemoryRange& range) noexcept {
  const SpinGuard guard(lock, false);
  for (Ring* ring : {&usual, &large}) {
    for (std::uint64_t i = ring->first; i != ring->behind; ++i) {
      std::uint64_t& place = ring->place[i & ring->mask];
      if (!range.has(place)) continue;
      ring->bytes -= bytes_of(place);
      place = kForgotten;
    }
  }
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    GuardThread& batch = thread_state_of(i).guard;
    for (std::uint32_t n = 0; n < batch.held; ++n) {
      if (range.has(batch.place[n])) batch.place[n] = kForgotten;
    }
  }
}

// A thread may be about to let go of what it took out of the ring just before. It does not wait for us, as
// no lock is held here, unless a signal stopped it, whose handler may do so: that thread gets its time.
void wait_until_left(const GuardThread& g, const MemoryRange& range, std::uint64_t until) noexcept {
  const auto has_some = [&] {
    const std::uint32_t leaving = __atomic_load_n(&g.leaving, __ATOMIC_ACQUIRE);
    for (std::uint32_t i = 0; i < leaving; ++i) {
      if (range.has(__atomic_load_n(&g.leaves[i], __ATOMIC_RELAXED))) return true;
    }
    return false;
  };
  while (has_some() && sys::now_ns() < until) sys::call(SYS_sched_yield);
}

}  // namespace

void set_up() noexcept {
  // Beyond the bound there may be what one exchange brings, and one block of hold_one.
  std::uint64_t places = 1;
  while (places <= options.quarantine_blocks + GuardThread::kMostHeld) places *= 2;
  usual.most_bytes = options.quarantine_bytes;
  large.most_bytes = options.quarantine_large_bytes;
  for (Ring* ring : {&usual, &large}) {
    if (ring->most_bytes == 0 || options.quarantine_blocks == 0) continue;
    ring->place = static_cast<std::uint64_t*>(table_zone.map(places * sizeof(std::uint64_t)));
    ring->mask = places - 1;
  }
}

void hold(ThreadState* t, GuardHeader* header) noexcept {
  const auto with = static_cast<unsigned char>(options.free_fill_byte);
  Ring& ring = ring_of(*header);
  if (__builtin_expect(ring.place == nullptr || header->bytes() > ring.most_bytes, 0)) {
    const std::size_t all = GuardHeader::span_of(header->bytes()) - kRecordBytes;
    const std::size_t most = options.max_free_fill_size & ~std::size_t{15};
    fill_run(header->block(), all < most ? all : most, with);
    return let_go(header);  // just filled: nobody can have written to it
  }
  for_filled(*header, [&](std::size_t offset, std::size_t bytes) {
    fill_run(header->block() + offset, bytes, with);
    return true;
  });
  const std::uint64_t place = place_of(*header);
  if (__builtin_expect(t == nullptr, 0)) return hold_one(ring, place);
  if (__builtin_expect(&ring == &large, 0)) {
    std::uint32_t one = 1;
    return exchange(t->guard, large, &place, one);
  }
  GuardThread& g = t->guard;
  g.place[g.held] = place;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  ++g.held;
  g.held_bytes += bytes_of(place);
  if (__builtin_expect(g.held == GuardThread::kMostHeld || g.held_bytes > kMostBatchBytes, 0)) flush(*t);
}

__attribute__((noinline)) void flush(ThreadState& t) noexcept {
  GuardThread& g = t.guard;
  if (g.held == 0) return;
  exchange(g, usual, g.place, g.held);
  g.held_bytes = 0;
}

void adopt_batches() noexcept {
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    ThreadState& t = thread_state_of(i);
    if (t.in_use) continue;
    t.guard.leaving = 0;
    flush(t);
  }
}

void forget(const char* start, const char* end) noexcept {
  const MemoryRange range{reinterpret_cast<std::uint64_t>(start), static_cast<std::uint64_t>(end - start)};
  forget_held(range);
  const std::uint64_t began = sys::now_ns();
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    const ThreadState& t = thread_state(i);
    if (&t != this_thread) wait_until_left(t.guard, range, began + kMostWaitNs);
  }
}

void lock_for_fork() noexcept {
  lock.lock();
}
void unlock_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir::quarantine
