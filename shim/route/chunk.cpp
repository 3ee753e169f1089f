#include "shim/route/chunk.hpp"

#include <sys/mman.h>

#include <cstring>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"
#include "shim/route/file_buffer.hpp"

namespace weir {

constinit ArenaRoute arena_routes[kMostRules]{};

namespace {

constexpr std::uint32_t kSparsePart = 4;

// Where blocks of a chunk that spans `bytes` may begin: behind the header and a bit for each granule.
std::uint64_t header_bytes(std::uint64_t bytes) noexcept {
  return round_up(sizeof(Chunk) + bytes / kGranule / 8 + 8, 64);
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

std::uint64_t granule_of(const Chunk* chunk, const char* p) noexcept {
  return static_cast<std::uint64_t>(p - reinterpret_cast<const char*>(chunk)) / kGranule;
}

}  // namespace

void raise(std::atomic<std::uint64_t>& peak, std::uint64_t to) noexcept {
  std::uint64_t now = peak.load(std::memory_order_relaxed);
  while (to > now && !peak.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
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

Chunk* new_chunk(ArenaRoute& route) noexcept {
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
  set_start(chunk, chunk->at);
  chunk->end = route.fixed ? chunk->at + route.capacity : unit_address(unit) + bytes;
  chunk->state.store(kOwned, std::memory_order_relaxed);
  advise(route, chunk->at, static_cast<std::uint64_t>(chunk->end - chunk->at));
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
  set_start(chunk, chunk->at);
}

// Writes only where there is one: after a fork each page that is written is a copy.
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
    if ((words[w] & ~keep) != 0) __atomic_store_n(&words[w], words[w] & keep, __ATOMIC_RELAXED);
  }
}

std::uint32_t count_starts(Chunk* chunk) noexcept {
  const auto words =
      static_cast<std::uint64_t>(chunk->at - reinterpret_cast<char*>(chunk)) / kGranule / 64 + 1;
  std::uint32_t count = 0;
  for (std::uint64_t i = 0; i < words; ++i)
    count += static_cast<std::uint32_t>(__builtin_popcountll(chunk->starts()[i]));
  return count;
}

bool is_empty(const Chunk* chunk) noexcept {
  return chunk->live == static_cast<std::uint32_t>(chunk->remote_frees.load(std::memory_order_acquire));
}

bool is_sparse(const Chunk* chunk) noexcept {
  const auto remote = static_cast<std::uint32_t>(chunk->remote_frees.load(std::memory_order_acquire));
  return (chunk->live - remote) * kSparsePart <= chunk->starts_when_full;
}

char* Chunk::first() noexcept {
  const std::uint64_t header = header_bytes(span_bytes(this));
  char* const start = reinterpret_cast<char*>(this);
  return start + (route->file != nullptr ? round_up(header, kPageSize) : header);
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

Hole find_hole(Chunk* chunk, const char* from, std::uint64_t bytes) noexcept {
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
    if (granule >= end) return {};
  }
  clear_starts_between(chunk, hole, to);
  return {hole, to};
}

}  // namespace weir
