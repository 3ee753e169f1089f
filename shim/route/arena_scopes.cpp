// Scopes of a lane: blocks that end together. And the blocks that are too large for a chunk, which a scope
// must find to end them.
#include "core/pages.hpp"
#include "shim/route/lane_lists.hpp"

namespace weir {

constinit BlocksEnd* blocks_end = nullptr;
constinit BlocksCounted* blocks_counted = nullptr;

namespace {

constinit SpinLock large_lock;

void end_large_blocks(Lane& lane) noexcept {
  for (;;) {
    UnitIndex unit;
    {
      const SpinGuard guard(large_lock, false);
      unit = lane.large;
      if (unit == 0 || info_of(unit).carved < lane.scopes) return;
      lane.large = info_of(unit).next;
      if (lane.large != 0) info_of(lane.large).previous = 0;
    }
    if (blocks_end != nullptr && (info_of(unit).used & kFreedByOther) == 0)
      blocks_end(unit_address(unit), unit_address(unit) + info_of(unit).bytes);
    if (blocks_counted != nullptr && (info_of(unit).used & kFreedByOther) == 0) {
      blocks_counted(lane.route->route, 1, static_cast<std::int64_t>(kUnitBytes << info_of(unit).order));
    }
    uncount_chunk(*lane.route, kUnitBytes << info_of(unit).order);
    give_span(unit);
  }
}

void end_blocks_in(Chunk* chunk, const char* at) noexcept {
  if (is_empty(chunk)) return;
  if (blocks_end != nullptr) blocks_end(chunk->first(), const_cast<char*>(at));
  if (blocks_counted == nullptr) return;
  const auto remote = static_cast<std::uint32_t>(chunk->remote_frees.load(std::memory_order_relaxed));
  blocks_counted(chunk->rule, chunk->live - remote, chunk->live_bytes.exchange(0, std::memory_order_relaxed));
}

void end_chunk(Lane& lane, Chunk* chunk, const char* at) noexcept {
  take(chunk);
  end_blocks_in(chunk, at);
  chunk->full.store(false, std::memory_order_relaxed);
  forget_starts(chunk, at);
  put_back(chunk);
  put_aside(lane, chunk);
}

// Everything that the innermost scope has, but its first chunk.
void end_blocks_of_scope(Lane& lane) noexcept {
  Chunk* const scope = lane.scope;
  end_large_blocks(lane);
  close_current(lane);
  if (lane.current != scope) end_chunk(lane, lane.current, lane.current->at);
  for (Chunk* chunk = lane.full; chunk != nullptr;) {
    Chunk* const next = chunk->next;
    if (chunk != scope) end_chunk(lane, chunk, chunk->at);
    chunk = next;
  }
  lane.full = lane.look = nullptr;
  take(scope);
  end_blocks_in(scope, scope->at);
  scope->full.store(false, std::memory_order_relaxed);
  forget_starts(scope, scope->at);
  put_back(scope);
}

void leave_innermost(Lane& lane) noexcept {
  end_blocks_of_scope(lane);
  Chunk* const scope = lane.scope;
  Chunk* const current = scope->outer_current;
  char* const at = scope->outer_at;
  char* const end = scope->outer_end;
  lane.full = scope->outer_full;
  lane.scope = scope->outer_scope;
  --lane.scopes;
  put_aside(lane, scope);
  make_current(lane, current, at, end);
}

bool is_scope_of(const Lane& lane, const Chunk* scope) noexcept {
  return scope != nullptr && begins_scope(lane, scope);
}

}  // namespace

void* allocate_large(Lane& lane, std::size_t bytes, std::size_t alignment) noexcept {
  const unsigned order = order_of_bytes(bytes > alignment ? bytes : alignment);
  if (order > kMostOrder) return nullptr;
  ArenaRoute& route = *lane.route;
  const std::uint64_t span = kUnitBytes << order;
  if (!count_chunk(route, span)) return nullptr;
  bool zeroed = false;
  const UnitIndex unit = take_span(order, kLargeKind, &zeroed);
  if (unit == 0) {
    uncount_chunk(route, span);
    return nullptr;
  }
  UnitInfo& info = info_of(unit);
  info.bytes = bytes;
  info.route = route.route;
  info.used = zeroed ? kZeroed : 0;
  // Only a scope's are listed: they end with it.
  info.carved = lane.scopes;
  info.retained = 0;
  if (lane.scopes != 0) {
    const SpinGuard guard(large_lock, false);
    info.retained = 1;
    info.previous = 0;
    info.next = lane.large;
    if (lane.large != 0) info_of(lane.large).previous = unit;
    lane.large = unit;
  }
  return unit_address(unit);
}

void free_large(Lane* lane, UnitIndex unit) noexcept {
  UnitInfo& info = info_of(unit);
  if (info.retained != 0) {
    const SpinGuard guard(large_lock, false);
    UnitIndex listed = lane != nullptr ? lane->large : 0;
    while (listed != 0 && listed != unit) listed = info_of(listed).next;
    if (listed == 0 && info.retained != 0) {  // another thread's scope, or its end, will end it
      info.used |= kFreedByOther;
      return;
    }
    if (listed != 0) {
      (info.previous != 0 ? info_of(info.previous).next : lane->large) = info.next;
      if (info.next != 0) info_of(info.next).previous = info.previous;
    }
  }
  uncount_chunk(arena_routes[info.route], kUnitBytes << info.order);
  give_span(unit);
}

Chunk* enter_scope(Lane& lane) noexcept {
  if (lane.route->fixed) return nullptr;
  const Busy busy(lane);
  Chunk* scope = take_spare(lane);
  if (scope == nullptr) scope = new_chunk(*lane.route);
  if (scope == nullptr) return nullptr;
  if (lane.current != nullptr) close_current(lane);
  scope->outer_at = lane.at;
  scope->outer_end = lane.end;
  scope->outer_current = lane.current;
  scope->outer_full = lane.full;
  scope->outer_scope = lane.scope;
  lane.full = lane.look = nullptr;
  lane.scope = scope;
  ++lane.scopes;
  make_current(lane, scope);
  return scope;
}

bool leave_scope(Lane& lane, Chunk* scope) noexcept {
  if (!is_scope_of(lane, scope)) return false;
  const Busy busy(lane);
  while (lane.scope != scope) leave_innermost(lane);
  leave_innermost(lane);
  return true;
}

bool reset_scope(Lane& lane, Chunk* scope) noexcept {
  if (!is_scope_of(lane, scope)) return false;
  const Busy busy(lane);
  while (lane.scope != scope) leave_innermost(lane);
  end_blocks_of_scope(lane);
  make_current(lane, scope);
  return true;
}

void forget_large_blocks(Lane& lane) noexcept {
  const SpinGuard guard(large_lock, false);
  for (UnitIndex u = lane.large; u != 0;) {
    UnitInfo& info = info_of(u);
    const UnitIndex next = info.next;
    info.retained = 0;
    if ((info.used & kFreedByOther) != 0) {  // freed by another thread meanwhile
      uncount_chunk(*lane.route, kUnitBytes << info.order);
      give_span(u);
    }
    u = next;
  }
  lane.large = 0;
}

void lock_large_blocks_for_fork() noexcept {
  large_lock.lock();
}
void unlock_large_blocks_after_fork() noexcept {
  large_lock.unlock();
}

}  // namespace weir
