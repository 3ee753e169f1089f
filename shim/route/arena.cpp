#include "shim/route/arena.hpp"

#include <sys/mman.h>

#include <cstring>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"

namespace weir {

constinit BlocksEnd* blocks_end = nullptr;
constinit BlocksCounted* blocks_counted = nullptr;
constinit ArenaRoute arena_routes[kMostRules];

namespace {

// Requests above a quarter of a chunk would leave too much of it behind.
constexpr unsigned kLargePart = 4;
constexpr int kLooks = 4;

// A full chunk is worth a search for holes when at most a quarter of its blocks live; a hole smaller than
// this is not worth its turn.
constexpr std::uint32_t kSparsePart = 4;
constexpr std::uint64_t kLeastHole = 256;

constinit SpinLock orphan_lock;
constinit SpinLock large_lock;
constinit Chunk* orphans[kMostRules];  // with room, by route

// Chunks that were seen empty by a thread that does not own them, oldest first.
struct Emptied {
  Chunk* chunk;
  std::uint64_t since;
};
constexpr unsigned kMostEmptied = 4096;
constexpr std::uint64_t kIdleMilliseconds = 1000;
constinit SpinLock emptied_lock;
constinit Emptied emptied[kMostEmptied];
constinit unsigned emptied_first = 0;
constinit std::atomic<unsigned> emptied_count{0};

struct Busy {
  explicit Busy(Lane& l) noexcept : lane(l), before(l.busy) {
    lane.busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  ~Busy() {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    lane.busy = before;
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

  Lane& lane;
  const bool before;
};

void raise(std::atomic<std::uint64_t>& peak, std::uint64_t to) noexcept {
  std::uint64_t now = peak.load(std::memory_order_relaxed);
  while (to > now && !peak.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
}

std::uint64_t span_bytes(const Chunk* chunk) noexcept {
  return kUnitBytes << info_of(unit_of(chunk)).order;
}

// Where blocks of a chunk that spans `bytes` may begin: behind the header and a bit for each granule.
std::uint64_t header_bytes(std::uint64_t bytes) noexcept {
  return round_up(sizeof(Chunk) + bytes / kGranule / 8 + 8, 64);
}

bool count_chunk(ArenaRoute& route, std::uint64_t bytes) noexcept {
  const std::uint64_t use = route.chunk_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (!route.fixed && route.capacity != 0 && use > route.capacity) {
    route.chunk_use.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  raise(route.peak_chunk_use, use);
  route.chunks.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void uncount_chunk(ArenaRoute& route, std::uint64_t bytes) noexcept {
  route.chunk_use.fetch_sub(bytes, std::memory_order_relaxed);
  route.chunks.fetch_sub(1, std::memory_order_relaxed);
}

void advise(const ArenaRoute& route, char* start, std::uint64_t bytes) noexcept {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14
  if (!route.huge && !route.prefault) return;
  char* const page = start - reinterpret_cast<std::uint64_t>(start) % kPageSize;
  const auto length = static_cast<long>(bytes + static_cast<std::uint64_t>(start - page));
  start = page;
  if (route.huge) sys::call(SYS_madvise, sys::as_word(start), length, MADV_HUGEPAGE);
  if (!route.prefault) return;
  if (sys::call(SYS_madvise, sys::as_word(start), length, kPopulateWrite) == 0) return;
  for (long i = 0; i < length; i += static_cast<long>(kPageSize)) {
    auto* at = static_cast<volatile char*>(start) + i;
    *at = *at;
  }
}

// The buffer becomes a mapping of the route's file; false when that cannot be, and it stays memory.
bool map_file(const ArenaRoute& route, char* start, std::uint64_t bytes) noexcept {
  const int fd = sys::open(route.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  // Reserved on the disk first: a full disk under a mapping is a SIGBUS.
  const bool sized = sys::call(SYS_ftruncate, fd, static_cast<long>(bytes)) == 0 &&
                     sys::call(SYS_fallocate, fd, 0, 0, static_cast<long>(bytes)) == 0;
  const long got = sized ? sys::call(SYS_mmap, sys::as_word(start), static_cast<long>(bytes),
                                     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0)
                         : -1;
  sys::close(fd);
  return got == sys::as_word(start);
}

Chunk* new_chunk(Lane& lane) noexcept {
  ArenaRoute& route = *lane.route;
  const std::uint64_t wanted =
      route.fixed ? route.capacity + header_bytes(2 * route.capacity) + kPageSize : route.chunk_bytes;
  const unsigned order = order_of_bytes(wanted);
  const std::uint64_t bytes = kUnitBytes << order;
  if (!count_chunk(route, bytes)) return nullptr;
  const UnitIndex unit = take_span(order, route.fixed ? kFixedKind : kChunkKind);
  if (unit == 0) {
    uncount_chunk(route, bytes);
    return nullptr;
  }
  auto* chunk = reinterpret_cast<Chunk*>(unit_address(unit));
  const std::uint64_t header = header_bytes(bytes);
  if (route.file != nullptr) {
    // Only the blocks lie in the file; the header does not.
    const std::uint64_t skip = round_up(header, kPageSize);
    map_file(route, unit_address(unit) + skip, round_up(route.capacity, kPageSize));
  }
  std::memset(static_cast<void*>(chunk), 0, header);  // the span may be dirty
  chunk->rule = route.route;
  chunk->route = &route;
  chunk->at = chunk->first();
  chunk->end = route.fixed ? chunk->at + route.capacity : unit_address(unit) + bytes;
  chunk->state.store(kOwned, std::memory_order_relaxed);
  advise(route, chunk->at, static_cast<std::uint64_t>(chunk->end - chunk->at));
  return chunk;
}

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

void release(Chunk* chunk) noexcept {
  uncount_chunk(*chunk->route, span_bytes(chunk));
  // Another thread may be about to purge it.
  while (chunk->state.load(std::memory_order_relaxed) != 0) {
    std::uint64_t now = chunk->state.load(std::memory_order_relaxed);
    if (now == kClaimed || !chunk->state.compare_exchange_weak(now, 0, std::memory_order_acq_rel)) {
      sys::call(SYS_sched_yield);
    }
  }
  give_span(unit_of(chunk), chunk->route->fixed);
}

// Keeps other threads from an owned chunk's pages, while it is changed; false while another thread is at
// them.
bool try_take(Chunk* chunk) noexcept {
  std::uint64_t owned = kOwned;
  return chunk->state.compare_exchange_strong(owned, kTaken, std::memory_order_acq_rel);
}
void take(Chunk* chunk) noexcept {
  while (!try_take(chunk)) sys::call(SYS_sched_yield);
}
void put_back(Chunk* chunk) noexcept {
  chunk->state.store(kOwned, std::memory_order_release);
}

void forget_starts(Chunk* chunk, const char* at) noexcept {
  const auto from =
      static_cast<std::uint64_t>(chunk->first() - reinterpret_cast<char*>(chunk)) / kGranule / 64;
  const auto to = static_cast<std::uint64_t>(at - reinterpret_cast<char*>(chunk)) / kGranule / 64;
  std::memset(&chunk->starts()[from], 0, (to - from + 1) * sizeof(std::uint64_t));
  chunk->live = 0;
  chunk->remote_frees.store(0, std::memory_order_relaxed);
  chunk->at = chunk->first();
}

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
  make_current(lane, chunk, chunk != nullptr ? chunk->at : nullptr, chunk != nullptr ? chunk->end : nullptr);
}

// What is left between the newest block of the current chunk and the end is a hole for later.
void close_current(Lane& lane) noexcept {
  Chunk* chunk = lane.current;
  if (lane.at < lane.end) mark_dead(lane.at);
  if (lane.at > chunk->at) chunk->at = lane.at;
}

std::uint32_t count_starts(Chunk* chunk) noexcept {
  const auto words =
      static_cast<std::uint64_t>(chunk->at - reinterpret_cast<char*>(chunk)) / kGranule / 64 + 1;
  std::uint32_t count = 0;
  for (std::uint64_t i = 0; i < words; ++i)
    count += static_cast<std::uint32_t>(__builtin_popcountll(chunk->starts()[i]));
  return count;
}

std::uint64_t granule_of(const Chunk* chunk, const char* p) noexcept {
  return static_cast<std::uint64_t>(p - reinterpret_cast<const char*>(chunk)) / kGranule;
}

// Clears the starts in (from, to).
void clear_starts_between(Chunk* chunk, const char* from, const char* to) noexcept {
  const std::uint64_t first = granule_of(chunk, from) + 1;
  const std::uint64_t end = granule_of(chunk, to);
  const std::uint64_t keep_low = (std::uint64_t{1} << first % 64) - 1;
  const std::uint64_t keep_high = ~std::uint64_t{0} << end % 64;
  std::uint64_t* const words = chunk->starts();
  for (std::uint64_t w = first / 64; w <= end / 64; ++w) {
    std::uint64_t keep = 0;
    if (w == first / 64) keep |= keep_low;
    if (w == end / 64) keep |= keep_high;
    __atomic_store_n(&words[w], words[w] & keep, __ATOMIC_RELAXED);
  }
}

// The first hole of at least `bytes` from `from` on, which is a start; cuts begin there from now on. False
// when there is none.
bool open_hole(Lane& lane, Chunk* chunk, char* from, std::uint64_t bytes) noexcept {
  char* const base = reinterpret_cast<char*>(chunk);
  const std::uint64_t end = granule_of(chunk, chunk->end);
  char* hole = nullptr;
  char* to = nullptr;
  std::uint64_t w = granule_of(chunk, from) / 64;
  std::uint64_t word = chunk->starts()[w] & ~std::uint64_t{0} << granule_of(chunk, from) % 64;
  for (;;) {
    while (word == 0 && w < end / 64) word = chunk->starts()[++w];
    const std::uint64_t granule = word != 0 ? w * 64 + static_cast<unsigned>(__builtin_ctzll(word)) : end;
    char* const start = base + granule * kGranule;
    word &= word - 1;
    const bool dead = granule < end && *reinterpret_cast<std::uint64_t*>(start) == dead_mark(start);
    if (dead) {
      if (hole == nullptr) hole = start;
      continue;
    }
    to = granule < end ? start : chunk->end;
    if (hole != nullptr && static_cast<std::uint64_t>(to - hole) >= bytes) break;
    hole = nullptr;
    if (granule >= end) return false;
  }
  clear_starts_between(chunk, hole, to);
  make_current(lane, chunk, hole, to);
  return true;
}

void push_full(Lane& lane, Chunk* chunk) noexcept {
  chunk->starts_when_full = count_starts(chunk);
  chunk->full.store(true, std::memory_order_release);
  chunk->previous = nullptr;
  chunk->next = lane.full;
  if (lane.full != nullptr) lane.full->previous = chunk;
  lane.full = chunk;
}

// The head of the list that a full chunk is in: the lane's, or one that a scope has put aside.
Chunk** head_of(Lane& lane, const Chunk* first) noexcept {
  if (lane.full == first) return &lane.full;
  for (Chunk* s = lane.scope; s != nullptr; s = s->outer_scope) {
    if (s->outer_full == first) return &s->outer_full;
  }
  return nullptr;
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

bool is_empty(const Chunk* chunk) noexcept {
  return chunk->live == static_cast<std::uint32_t>(chunk->remote_frees.load(std::memory_order_acquire));
}

bool is_sparse(const Chunk* chunk) noexcept {
  const auto remote = static_cast<std::uint32_t>(chunk->remote_frees.load(std::memory_order_acquire));
  return (chunk->live - remote) * kSparsePart <= chunk->starts_when_full;
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
  Chunk* const before = lane.current;
  char* const before_at = lane.at;
  char* const before_end = lane.end;
  const bool is_ours = unlink_full(lane, chunk);
  const bool opened = is_ours && open_hole(lane, chunk, chunk->first(), bytes);
  put_back(chunk);
  if (opened) {
    if (before == nullptr) return true;
    Chunk* const now = lane.current;
    char* const at = lane.at;
    char* const end = lane.end;
    lane.current = before;
    lane.at = before_at;
    lane.end = before_end;
    close_current(lane);
    push_full(lane, before);
    make_current(lane, now, at, end);
    return true;
  }
  if (is_ours) push_full(lane, chunk);
  return false;
}

// Goes on in the next hole of the current chunk; false when it has none, or no holes at all.
bool next_hole(Lane& lane, std::uint64_t bytes) noexcept {
  Chunk* const chunk = lane.current;
  if (chunk == nullptr || lane.end == chunk->end) return false;
  char* const from = lane.end;
  close_current(lane);
  return open_hole(lane, chunk, from, bytes);
}

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
  info.used = zeroed;
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
    if (blocks_end != nullptr) blocks_end(unit_address(unit), unit_address(unit) + info_of(unit).bytes);
    if (blocks_counted != nullptr) {
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
  end_blocks_in(scope, scope->at);
  forget_starts(scope, scope->at);
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
  if ((kind != kChunkKind && kind != kFixedKind) || chunk->state.load(std::memory_order_relaxed) != kOrphan ||
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

char* Chunk::first() noexcept {
  const std::uint64_t header = header_bytes(span_bytes(this));
  char* const start = reinterpret_cast<char*>(this);
  return start + (route->file != nullptr ? round_up(header, kPageSize) : header);
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
    if (chunk == nullptr) chunk = new_chunk(lane);
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

char* block_before(Chunk* chunk, const char* p) noexcept {
  constexpr int kNear = 64;
  const std::uint64_t i = static_cast<std::uint64_t>(p - reinterpret_cast<char*>(chunk)) / kGranule;
  std::uint64_t at = i / 64;
  std::uint64_t word = chunk->starts()[at] & ((std::uint64_t{1} << i % 64) - 1);
  for (int words = 0; word == 0; ++words) {
    if (at == 0 || words == kNear) return nullptr;
    word = chunk->starts()[--at];
  }
  const std::uint64_t granule = at * 64 + 63 - static_cast<unsigned>(__builtin_clzll(word));
  return reinterpret_cast<char*>(chunk) + granule * kGranule;
}

void free_remotely(Chunk* chunk, void* block) noexcept {
  mark_dead(block);
  const std::int32_t frees = chunk->remote_frees.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (frees == 0) return end_orphan(chunk);
  // The owner frees at the same time, unseen: then it is the owner that finds the chunk empty, or a later
  // look.
  if (static_cast<std::uint32_t>(frees) == __atomic_load_n(&chunk->live, __ATOMIC_RELAXED) &&
      chunk->full.load(std::memory_order_relaxed)) {
    note_emptied(chunk);
  }
}

void look_for_idle_chunks() noexcept {
  if (emptied_count.load(std::memory_order_relaxed) == 0) return;
  const std::uint64_t now = sys::now_ns() / 1'000'000;
  for (;;) {
    Chunk* chunk;
    {
      const SpinGuard guard(emptied_lock, true);
      const unsigned count = emptied_count.load(std::memory_order_relaxed);
      if (!guard.held() || count == 0 || now - emptied[emptied_first].since < kIdleMilliseconds) return;
      chunk = emptied[emptied_first].chunk;
      emptied_first = (emptied_first + 1) % kMostEmptied;
      emptied_count.store(count - 1, std::memory_order_relaxed);
    }
    purge_if_idle(chunk);
  }
}

std::size_t bytes_of_block(Chunk* chunk, const void* block) noexcept {
  const auto offset =
      static_cast<std::uint64_t>(static_cast<const char*>(block) - reinterpret_cast<char*>(chunk));
  const std::uint64_t first = offset / kGranule + 1;
  const std::uint64_t words = span_bytes(chunk) / kGranule / 64 + 1;
  std::uint64_t at = first / 64;
  std::uint64_t word = __atomic_load_n(&chunk->starts()[at], __ATOMIC_RELAXED) & ~std::uint64_t{0}
                                                                                     << first % 64;
  while (word == 0) {
    if (++at == words) return 0;
    word = __atomic_load_n(&chunk->starts()[at], __ATOMIC_RELAXED);
  }
  return (at * 64 + static_cast<unsigned>(__builtin_ctzll(word)) - first + 1) * kGranule;
}

bool resize_in(Lane& lane, Chunk* chunk, void* block, std::size_t bytes) noexcept {
  if (bytes >= kRouteSpan) return false;
  const std::uint64_t size = round_up(bytes + (bytes == 0), kGranule);
  const std::size_t have = bytes_of_block(chunk, block);
  if (block != lane.last) return size <= have && size >= have / 2;
  char* const end = static_cast<char*>(block) + size;
  if (size > static_cast<std::uint64_t>(lane.end - static_cast<char*>(block))) return false;
  clear_start(chunk, lane.at);
  set_start(chunk, end);
  lane.at = end;
  return true;
}

void free_large(Lane* lane, UnitIndex unit) noexcept {
  UnitInfo& info = info_of(unit);
  if (info.retained != 0) {
    const SpinGuard guard(large_lock, false);
    UnitIndex listed = lane != nullptr ? lane->large : 0;
    while (listed != 0 && listed != unit) listed = info_of(listed).next;
    if (listed == 0 && info.retained != 0) return;  // another thread's scope will end it
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
  if (scope == nullptr) scope = new_chunk(lane);
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

void note_use(Lane& lane) noexcept {
  if (lane.current == nullptr) return;
  raise(lane.route->peak_used, static_cast<std::uint64_t>(lane.at - lane.current->first()));
}

void abandon_lane(Lane& lane) noexcept {
  const Busy busy(lane);
  if (lane.current != nullptr) close_current(lane);
  {
    // Large blocks of scopes live on by themselves.
    const SpinGuard guard(large_lock, false);
    for (UnitIndex u = lane.large; u != 0; u = info_of(u).next) info_of(u).retained = 0;
    lane.large = 0;
  }
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

void lock_arenas_for_fork() noexcept {
  orphan_lock.lock();
  large_lock.lock();
  emptied_lock.lock();
}
void unlock_arenas_after_fork() noexcept {
  emptied_lock.unlock();
  large_lock.unlock();
  orphan_lock.unlock();
}

}  // namespace weir
