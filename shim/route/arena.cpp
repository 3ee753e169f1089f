#include "shim/route/arena.hpp"

#include "core/pages.hpp"
#include "shim/route/lane_lists.hpp"

namespace weir {

namespace {

// Requests above a quarter of a chunk would leave too much of it behind.
constexpr unsigned kLargePart = 4;
constexpr int kLooks = 4;  // at full chunks, for each new one

constexpr std::uint64_t kLeastHole = 256;  // a smaller one is not worth its turn

// The head of the list that a full chunk is in: the lane's, or one that a scope has put aside.
Chunk** head_of(Lane& lane, const Chunk* first) noexcept {
  if (lane.full == first) return &lane.full;
  for (Chunk* s = lane.scope; s != nullptr; s = s->outer_scope) {
    if (s->outer_full == first) return &s->outer_full;
  }
  return nullptr;
}

// Looks at a few of the full chunks, round and round: takes back those that other threads have emptied, and
// returns one with few blocks left.
Chunk* look_at_full(Lane& lane) noexcept {
  Chunk* sparse = nullptr;
  for (int i = 0; i < kLooks && lane.full != nullptr && sparse == nullptr; ++i) {
    Chunk* chunk = lane.look != nullptr ? lane.look : lane.full;
    lane.look = chunk->next;
    if (is_empty(chunk)) {
      reuse_chunk(lane, chunk);
    } else if (is_sparse(chunk) && !begins_scope(lane, chunk)) {
      sparse = chunk;
    }
  }
  return sparse;
}

// Makes the chunk current for its holes; false when none is large enough.
bool open_sparse(Lane& lane, Chunk* chunk, std::uint64_t bytes) noexcept {
  if (!try_take(chunk)) return false;
  const bool is_ours = unlink_full(lane, chunk);
  const Hole hole = is_ours ? find_hole(chunk, chunk->first(), bytes) : Hole{};
  if (hole.at != nullptr) chunk->full.store(false, std::memory_order_relaxed);  // or it might be purged now
  put_back(chunk);
  if (hole.at == nullptr) {
    if (is_ours) push_full(lane, chunk);
    return false;
  }
  if (lane.current != nullptr) {
    close_current(lane);
    push_full(lane, lane.current);
  }
  make_current(lane, chunk, hole.at, hole.end);
  return true;
}

// Goes on in the next hole of the current chunk; false when it has none, or no holes at all.
bool next_hole(Lane& lane, std::uint64_t bytes) noexcept {
  Chunk* const chunk = lane.current;
  if (chunk == nullptr || lane.end == chunk->end) return false;
  char* const from = lane.end;
  close_current(lane);
  const Hole hole = find_hole(chunk, from, bytes);
  if (hole.at != nullptr) make_current(lane, chunk, hole.at, hole.end);
  return hole.at != nullptr;
}

}  // namespace

// Blocks are cut in [at, end) from now on.
void make_current(Lane& lane, Chunk* chunk, char* at, char* end) noexcept {
  lane.current = chunk;
  lane.at = at;
  lane.end = end;
  lane.last = nullptr;
  if (chunk != nullptr) {
    chunk->previous = chunk->next = nullptr;
    chunk->full.store(false, std::memory_order_relaxed);
    chunk->lane.store(&lane, std::memory_order_relaxed);
  }
}

void make_current(Lane& lane, Chunk* chunk) noexcept {
  if (chunk == nullptr) return make_current(lane, nullptr, nullptr, nullptr);
  set_start(chunk, chunk->at);  // there may be none: the newest blocks below were taken back
  make_current(lane, chunk, chunk->at, chunk->end);
}

// What is left between the newest block of the current chunk and the end is a hole for later.
void close_current(Lane& lane) noexcept {
  Chunk* chunk = lane.current;
  if (lane.at < lane.end) mark_dead(lane.at);
  if (lane.at > chunk->at) chunk->at = lane.at;
}

void push_full(Lane& lane, Chunk* chunk) noexcept {
  chunk->starts_when_full = count_starts(chunk);
  chunk->full.store(true, std::memory_order_release);
  chunk->previous = nullptr;
  chunk->next = lane.full;
  if (lane.full != nullptr) lane.full->previous = chunk;
  lane.full = chunk;
}

bool unlink_full(Lane& lane, Chunk* chunk) noexcept {
  if (chunk->previous == nullptr) {
    Chunk** head = head_of(lane, chunk);
    if (head == nullptr) return false;
    *head = chunk->next;
  } else {
    chunk->previous->next = chunk->next;
  }
  if (chunk->next != nullptr) chunk->next->previous = chunk->previous;
  if (lane.look == chunk) lane.look = chunk->next;
  return true;
}

bool begins_scope(const Lane& lane, const Chunk* chunk) noexcept {
  for (const Chunk* s = lane.scope; s != nullptr; s = s->outer_scope) {
    if (s == chunk) return true;
  }
  return false;
}

// An empty chunk: kept for the next, or gone. One is always kept, or a program that stands at the edge of a
// chunk would take and give it again and again.
void put_aside(Lane& lane, Chunk* chunk) noexcept {
  const std::uint64_t bytes = span_bytes(chunk);
  if (lane.spare != nullptr && lane.spare_bytes + bytes > lane.route->retain) return release(chunk);
  chunk->next = lane.spare;
  lane.spare = chunk;
  lane.spare_bytes += bytes;
}

Chunk* take_spare(Lane& lane) noexcept {
  Chunk* chunk = lane.spare;
  if (chunk == nullptr) return nullptr;
  lane.spare = chunk->next;
  lane.spare_bytes -= span_bytes(chunk);
  return chunk;
}

__attribute__((noinline)) void* allocate_slowly(Lane& lane, std::size_t bytes,
                                                std::size_t alignment) noexcept {
  const Busy busy(lane);
  ArenaRoute& route = *lane.route;
  if (bytes >= kRouteSpan || alignment >= kRouteSpan) return nullptr;
  const bool large = !route.fixed && bytes + alignment > route.chunk_bytes / kLargePart;
  if (large) return allocate_large(lane, bytes == 0 ? 1 : bytes, alignment);
  const std::uint64_t hole = bytes + alignment < kLeastHole ? kLeastHole : bytes + alignment;
  if (lane.current != nullptr && is_empty(lane.current) && lane.at != lane.current->first()) {
    reuse_chunk(lane, lane.current);
  } else if (lane.current != nullptr && route.fixed) {
    return nullptr;
  } else if (!next_hole(lane, hole)) {
    Chunk* const sparse = look_at_full(lane);
    look_for_old_spans();
    look_for_idle_chunks();
    Chunk* chunk = take_spare(lane);
    if (chunk == nullptr && sparse != nullptr && open_sparse(lane, sparse, hole)) {
      return allocate_in(lane, bytes, alignment);
    }
    if (chunk == nullptr) chunk = adopt(lane);
    if (chunk == nullptr) chunk = new_chunk(route);
    if (chunk == nullptr) return nullptr;
    if (lane.current != nullptr) {
      close_current(lane);
      push_full(lane, lane.current);
    }
    make_current(lane, chunk);
  }
  const std::uint64_t from = round_up(reinterpret_cast<std::uint64_t>(lane.at), alignment);
  const std::uint64_t size = round_up(bytes + (bytes == 0), kGranule);
  // An adopted chunk may have too little room; it is full then, and the next is asked for.
  if (from + size <= reinterpret_cast<std::uint64_t>(lane.end)) return allocate_in(lane, bytes, alignment);
  return route.fixed ? nullptr : allocate_slowly(lane, bytes, alignment);
}

__attribute__((noinline)) void reuse_chunk(Lane& lane, Chunk* chunk) noexcept {
  const Busy busy(lane);
  if (chunk == lane.current) {
    close_current(lane);
    forget_starts(chunk, chunk->at);
    lane.at = chunk->at;
    lane.end = chunk->end;
    lane.last = nullptr;
    return;
  }
  for (const Chunk* s = lane.scope; s != nullptr; s = s->outer_scope) {
    if (s == chunk) return;  // it holds the scope together until that is left
    if (s->outer_current == chunk) {
      Chunk* const scope = const_cast<Chunk*>(s);
      forget_starts(chunk, chunk->at);
      scope->outer_at = chunk->at;
      scope->outer_end = chunk->end;
      return;
    }
  }
  if (!try_take(chunk)) return;
  if (unlink_full(lane, chunk)) {
    chunk->full.store(false, std::memory_order_relaxed);
    forget_starts(chunk, chunk->at);
    put_back(chunk);
    put_aside(lane, chunk);
  } else {
    put_back(chunk);
  }
}

bool resize_in(Lane& lane, Chunk* chunk, void* block, std::size_t bytes) noexcept {
  if (bytes >= kRouteSpan) return false;
  const std::uint64_t size = round_up(bytes + (bytes == 0), kGranule);
  const std::size_t have = bytes_of_block(chunk, block);
  if (block != lane.last) return size <= have && size >= have / 2;
  char* const end = static_cast<char*>(block) + size;
  if (size > static_cast<std::uint64_t>(lane.end - static_cast<char*>(block))) return false;
  if (lane.at != lane.end) clear_start(chunk, lane.at);
  set_start(chunk, end);
  lane.at = end;
  return true;
}

void note_use(Lane& lane) noexcept {
  if (lane.current == nullptr) return;
  raise(lane.route->peak_used, static_cast<std::uint64_t>(lane.at - lane.current->first()));
}

void lock_arenas_for_fork() noexcept {
  lock_orphans_for_fork();
  lock_large_blocks_for_fork();
}
void unlock_arenas_after_fork() noexcept {
  unlock_large_blocks_after_fork();
  unlock_orphans_after_fork();
}

}  // namespace weir
