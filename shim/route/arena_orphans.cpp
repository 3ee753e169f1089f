// Chunks whose own thread is gone, or does not look at them although other threads have emptied them.
#include <sys/mman.h>

#include <cstring>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"
#include "shim/route/lane_lists.hpp"

namespace weir {
namespace {

constinit SpinLock orphan_lock;
constinit Chunk* orphans[kMostRules];  // with room, by rule

// Chunks that were seen empty by a thread that does not own them, oldest first.
struct Emptied {
  Chunk* chunk;
  std::uint64_t since;
};
constexpr unsigned kMostEmptied = 4096;
constexpr std::uint64_t kIdleMilliseconds = 1000;
constinit SpinLock emptied_lock;
constinit Emptied emptied[kMostEmptied]{};
constinit unsigned emptied_first = 0;
constinit std::atomic<unsigned> emptied_count{0};

void make_orphan(Chunk* chunk) noexcept {
  take(chunk);
  chunk->full.store(false, std::memory_order_relaxed);
  if (is_empty(chunk)) return release(chunk);
  const SpinGuard guard(orphan_lock, false);
  ArenaRoute& route = *chunk->route;
  const std::int32_t live = static_cast<std::int32_t>(chunk->live);
  chunk->lane.store(nullptr, std::memory_order_relaxed);
  chunk->state.store(kOrphan, std::memory_order_relaxed);
  if (chunk->remote_frees.fetch_sub(live, std::memory_order_acq_rel) == live) return release(chunk);
  chunk->listed = chunk->end - chunk->at > (chunk->end - chunk->first()) / 4;
  if (!chunk->listed) return;
  Chunk*& first = orphans[route.route];
  chunk->previous = nullptr;
  chunk->next = first;
  if (first != nullptr) first->previous = chunk;
  first = chunk;
}

// The last block of an orphan was freed. Somebody may have taken the chunk over meanwhile.
__attribute__((noinline, cold)) void end_orphan(Chunk* chunk) noexcept {
  const SpinGuard guard(orphan_lock, false);
  const std::uint16_t kind = tag_of(unit_of(chunk)).kind();
  if ((kind != kChunkKind && kind != kFixedKind) || tag_of(unit_of(chunk)).behind() != 0 ||
      chunk->state.load(std::memory_order_relaxed) != kOrphan ||
      chunk->remote_frees.load(std::memory_order_acquire) != 0) {
    return;
  }
  if (chunk->listed) {
    (chunk->previous != nullptr ? chunk->previous->next : orphans[chunk->rule]) = chunk->next;
    if (chunk->next != nullptr) chunk->next->previous = chunk->previous;
  }
  release(chunk);
}

// Seen by a thread that cannot take it. What was noted twice, or is used again by then, is passed over later.
__attribute__((noinline, cold)) void note_emptied(Chunk* chunk) noexcept {
  const std::uint64_t now = sys::now_ns() / 1'000'000;
  const SpinGuard guard(emptied_lock, true);
  const unsigned count = emptied_count.load(std::memory_order_relaxed);
  if (!guard.held() || count == kMostEmptied) return;
  emptied[(emptied_first + count) % kMostEmptied] = {chunk, now};
  emptied_count.store(count + 1, std::memory_order_relaxed);
}

// The chunk's header stays; whoever owns it finds it empty as before.
void purge_if_idle(Chunk* chunk) noexcept {
  const UnitIndex unit = unit_of(chunk);
  std::uint64_t owned = kOwned;
  if (tag_of(unit).kind() != kChunkKind || tag_of(unit).behind() != 0 ||
      !chunk->state.compare_exchange_strong(owned, kClaimed, std::memory_order_acq_rel)) {
    return;
  }
  if (chunk->full.load(std::memory_order_acquire) && is_empty(chunk)) {
    const auto start = round_up(reinterpret_cast<std::uint64_t>(chunk->first()), kPageSize);
    sys::call(SYS_madvise, static_cast<long>(start),
              static_cast<long>(reinterpret_cast<std::uint64_t>(chunk->end) - start), MADV_DONTNEED);
  }
  put_back(chunk);
}

}  // namespace

// An orphan with room becomes the lane's. What its blocks are is known by now only as their number.
Chunk* adopt(Lane& lane) noexcept {
  Chunk*& first = orphans[lane.route->route];
  if (__atomic_load_n(&first, __ATOMIC_RELAXED) == nullptr || lane.scopes != 0) return nullptr;
  const SpinGuard guard(orphan_lock, false);
  Chunk* chunk = first;
  if (chunk == nullptr) return nullptr;
  first = chunk->next;
  if (first != nullptr) first->previous = nullptr;
  chunk->listed = false;
  chunk->live = static_cast<std::uint32_t>(-chunk->remote_frees.exchange(0, std::memory_order_acq_rel));
  chunk->state.store(kOwned, std::memory_order_relaxed);
  return chunk;
}

void free_remotely(Chunk* chunk, void* block) noexcept {
  mark_dead(block);
  const std::int32_t frees = chunk->remote_frees.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (frees == 0) return end_orphan(chunk);
  // The owner frees at the same time, unseen: then it is the owner that finds the chunk empty,
  // or a later look.
  if (static_cast<std::uint32_t>(frees) == __atomic_load_n(&chunk->live, __ATOMIC_RELAXED) &&
      chunk->full.load(std::memory_order_relaxed)) {
    note_emptied(chunk);
  }
}

void look_for_idle_chunks() noexcept {
  if (emptied_count.load(std::memory_order_relaxed) == 0) return;
  const std::uint64_t now = sys::now_ns() / 1'000'000;
  // Held over the system's work: a fork waits for it, or its child would find a chunk claimed by nobody.
  const SpinGuard guard(emptied_lock, true);
  if (!guard.held()) return;
  unsigned count = emptied_count.load(std::memory_order_relaxed);
  for (; count != 0 && now - emptied[emptied_first].since >= kIdleMilliseconds; --count) {
    purge_if_idle(emptied[emptied_first].chunk);
    emptied_first = (emptied_first + 1) % kMostEmptied;
  }
  emptied_count.store(count, std::memory_order_relaxed);
}

void abandon_lane(Lane& lane) noexcept {
  const Busy busy(lane);
  if (lane.current != nullptr) close_current(lane);
  forget_large_blocks(lane);
  Chunk* current = lane.current;
  Chunk* full = lane.full;
  for (Chunk* scope = lane.scope;;) {
    Chunk* const outer_current = scope != nullptr ? scope->outer_current : nullptr;
    Chunk* const outer_full = scope != nullptr ? scope->outer_full : nullptr;
    Chunk* const outer = scope != nullptr ? scope->outer_scope : nullptr;
    for (Chunk* chunk = full; chunk != nullptr;) {
      Chunk* const next = chunk->next;
      make_orphan(chunk);
      chunk = next;
    }
    if (current != nullptr) make_orphan(current);
    if (scope == nullptr) break;
    current = outer_current;
    full = outer_full;
    scope = outer;
  }
  while (Chunk* chunk = take_spare(lane)) release(chunk);
  lane.full = lane.look = lane.scope = nullptr;
  lane.scopes = 0;
  make_current(lane, nullptr);
}

bool abandon_cut_off_lane(Lane& lane) noexcept {
  if (lane.busy) {
    std::memset(static_cast<void*>(&lane), 0, sizeof(Lane));
    return false;
  }
  // It may have stopped with a start set or cleared and `at` not yet moved, or the other way round. Who takes
  // the chunk over cuts from `at` on: across a start that was left there, which would end the block too
  // early.
  if (lane.current != nullptr) {
    clear_starts_between(lane.current, lane.at, lane.end);
    set_start(lane.current, lane.at);
  }
  abandon_lane(lane);
  return true;
}

void lock_orphans_for_fork() noexcept {
  orphan_lock.lock();
  emptied_lock.lock();
}
void unlock_orphans_after_fork() noexcept {
  emptied_lock.unlock();
  orphan_lock.unlock();
}

}  // namespace weir
