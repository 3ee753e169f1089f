#include "shim/track/freed_bytes.hpp"

#include <atomic>
#include <cstring>

#include "core/pages.hpp"
#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/thread_state.hpp"

namespace weir {

constinit bool keep_freed_bytes = false;

namespace {

constinit std::atomic<std::uint64_t> uncleared{0};

bool may_clear(std::size_t bytes) noexcept {
  if (options.clear_freed == kClearFreedAll) return true;
  ThreadState* t = this_thread;
  if (t == nullptr) return false;
  std::int64_t& left = t->clear.bytes;
  left += ClearAllowance::kEachFree;
  if (left > ClearAllowance::kFirst) left = ClearAllowance::kFirst;
  if (left < static_cast<std::int64_t>(bytes)) return false;
  left -= static_cast<std::int64_t>(bytes);
  return true;
}

constexpr std::size_t kVectors = 16;
constexpr std::size_t kRun = kVectors * sizeof(__m128i);

// Writes to runs that are not zero yet.
void clear_runs(char* at, std::size_t bytes) noexcept {
  const __m128i zero = _mm_setzero_si128();
  char* const end = at + bytes / kRun * kRun;
  for (; at != end; at += kRun) {
    auto* const run = reinterpret_cast<__m128i*>(at);
    __m128i any = zero;
    for (std::size_t i = 0; i < kVectors; ++i) any = _mm_or_si128(any, _mm_load_si128(run + i));
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(any, zero)) == 0xffff) continue;
    for (std::size_t i = 0; i < kVectors; ++i) _mm_store_si128(run + i, zero);
  }
  std::memset(at, 0, bytes % kRun);
}

// The whole pages inside go back to the system.
void give_pages_back(char* start, std::size_t bytes) noexcept {
  constexpr long kDontNeed = 4;
  char* const first = reinterpret_cast<char*>(round_up(reinterpret_cast<std::uint64_t>(start), kPageSize));
  char* const last =
      reinterpret_cast<char*>(reinterpret_cast<std::uint64_t>(start + bytes) & ~(kPageSize - 1));
  if (sys::call(SYS_madvise, sys::as_word(first), last - first, kDontNeed) != 0)
    return clear_runs(start, bytes);
  std::memset(start, 0, static_cast<std::size_t>(first - start));
  std::memset(last, 0, static_cast<std::size_t>(start + bytes - last));
}

}  // namespace

std::uint64_t blocks_left_uncleared() noexcept {
  return uncleared.load(std::memory_order_relaxed);
}

__attribute__((noinline)) void clear_large_freed_bytes(void* start, std::size_t bytes) noexcept {
  if (keep_freed_bytes) return;
  auto* const at = static_cast<char*>(start);
  if (bytes <= kSmallBytes) {
    std::memset(at, 0, bytes);
  } else if (bytes >= kGivenBack) {
    give_pages_back(at, bytes);
  } else if (may_clear(bytes)) {
    clear_runs(at, bytes);
  } else {
    uncleared.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace weir
