#include "shim/guard/quarantine.hpp"

#include "shim/base/options.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/damage.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/routed_heap.hpp"

namespace weir::quarantine {

constinit Ring ring{};

namespace {

constinit SpinLock lock;
constexpr std::uint64_t kMostBatchBytes = std::uint64_t{128} << 10;
constexpr unsigned kMostAtOnce = 2 * GuardThread::kMostHeld;

// What of the budget a block takes.
std::uint64_t weight(const GuardHeader& header) noexcept {
  return header.bytes() + kMostGuardBytes;
}

// Out of the quarantine: checked, then the parent's.
void release(GuardHeader* header) noexcept {
  if (__builtin_expect(!freed_block_is_whole(*header), 0)) {
    Incident incident;
    describe_freed_block(incident, *header, IncidentOccasion::kQuarantine);
    return report_incident(incident);  // the block stays out of use for good
  }
  void* const base = header->parent_block();
  const std::size_t alignment = header->alignment();
  const std::size_t total = kGuardHeaderBytes + GuardHeader::span_of(header->bytes());
  header->leave();
  if (__builtin_expect(routing, 0)) return routed::deallocate(base);
  if (__builtin_expect(alignment == kHeaderBytes, 1)) return parent::deallocate_sized(base, total);
  parent::deallocate(base);
}

bool is_over_budget() noexcept {
  return ring.bytes > options.quarantine_bytes || ring.behind - ring.first > options.quarantine_blocks;
}

// Takes blocks in.
void keep(void* const* in, unsigned count, std::uint64_t bytes) noexcept {
  for (unsigned i = 0; i < count; ++i) ring.block[ring.behind++ & ring.mask] = in[i];
  ring.bytes += bytes;
}

// Takes the oldest out as long as there are too many; how many.
unsigned take_oldest(void** out) noexcept {
  unsigned leaving = 0;
  while (ring.first != ring.behind && leaving < kMostAtOnce && is_over_budget()) {
    void* const block = ring.block[ring.first++ & ring.mask];
    ring.bytes -= weight(*GuardHeader::of(block));
    out[leaving++] = block;
  }
  return leaving;
}

void exchange(void* const* in, unsigned count, std::uint64_t bytes) noexcept {
  void* out[kMostAtOnce];
  unsigned leaving;
  do {
    {
      const SpinGuard guard(lock, false);
      keep(in, count, bytes);
      leaving = take_oldest(out);
    }
    count = 0;
    bytes = 0;
    for (unsigned i = 0; i < leaving; ++i) {
      if (i + 4 < leaving) __builtin_prefetch(GuardHeader::of(out[i + 4]));
      release(GuardHeader::of(out[i]));
    }
  } while (leaving == kMostAtOnce);
}

// From a signal handler that may have interrupted an exchange, which nobody must wait for.
__attribute__((noinline, cold)) void hold_one(void* block, std::uint64_t bytes) noexcept {
  {
    const SpinGuard guard(lock, true);
    if (guard.held() && !is_over_budget()) return keep(&block, 1, bytes);
  }
  release(GuardHeader::of(block));
}

}  // namespace

bool set_up() noexcept {
  if (options.quarantine_bytes == 0 || options.quarantine_blocks == 0) return true;
  // Beyond the bound there may be what one exchange brings.
  std::uint64_t places = 1;
  while (places < options.quarantine_blocks + GuardThread::kMostHeld) places *= 2;
  ring.block = static_cast<void**>(table_zone.map(places * sizeof(void*)));
  ring.mask = places - 1;
  return ring.block != nullptr;
}

std::size_t filled_bytes(const GuardHeader& header) noexcept {
  const std::size_t all = GuardHeader::span_of(header.bytes()) - kRecordBytes;
  return header.bytes() <= options.max_free_fill_size ? all : options.max_free_fill_size & ~std::size_t{7};
}

void hold(ThreadState* t, GuardHeader* header) noexcept {
  const std::uint64_t bytes = weight(*header);
  fill_block(header->block(), filled_bytes(*header), static_cast<unsigned char>(options.free_fill_byte));
  if (__builtin_expect(ring.block == nullptr || bytes > options.quarantine_bytes, 0)) return release(header);
  void* block = header->block();
  if (__builtin_expect(t == nullptr, 0)) return hold_one(block, bytes);
  GuardThread& g = t->guard;
  g.block[g.held] = block;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  ++g.held;
  g.held_bytes += bytes;
  if (__builtin_expect(g.held == GuardThread::kMostHeld || g.held_bytes > kMostBatchBytes, 0)) flush(*t);
}

__attribute__((noinline)) void flush(ThreadState& t) noexcept {
  GuardThread& g = t.guard;
  if (g.held == 0 || ring.block == nullptr) return;
  const std::uint32_t held = g.held;
  const std::uint64_t bytes = g.held_bytes;
  exchange(g.block, held, bytes);
  g.held = 0;
  g.held_bytes = 0;
}

void lock_for_fork() noexcept {
  lock.lock();
}
void unlock_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir::quarantine
