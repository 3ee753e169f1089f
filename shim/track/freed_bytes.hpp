// Clearing what a program frees, so that memory which it gets again, and has not written to, holds no pointers of
// before: the leak check would take them for the program's and call lost blocks reachable.
//
// Blocks of up to kSmallBytes are cleared always: the bytes are few, the program has just used them, and whole
// programs run as fast as without (see docs/BENCHMARKS.md). A larger one may have been used in a few places only,
// and going over the rest would cost many times what the program did. So each thread has an allowance of bytes,
// which every such free adds to; a block that it does not reach for keeps its contents, and is counted. It depends
// on nothing but the thread's own requests: two runs clear the same. What is zero already is read, not written, so
// pages that the program never touched stay as they are. From kGivenBack on the system takes the pages and gives
// clean ones, as it does for glibc, which unmaps such blocks.
//
// Option clear_freed: `some` as said, `all` whatever it costs, `none`.
#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>

namespace weir {

inline constexpr std::size_t kSmallBytes = std::size_t{32} << 10;

inline constexpr std::size_t kGivenBack = std::size_t{32} << 20;

// What a thread may still go over of large blocks.
struct ClearAllowance {
  static constexpr std::int64_t kFirst = std::int64_t{256} << 20;
  static constexpr std::int64_t kEachFree = std::int64_t{64} << 10;

  std::int64_t bytes = kFirst;
};

// Clears nothing: option clear_freed=none.
extern bool keep_freed_bytes;

// Freed blocks, of all threads, that kept their contents.
std::uint64_t blocks_left_uncleared() noexcept;

void clear_large_freed_bytes(void* start, std::size_t bytes) noexcept;

// `start` is aligned to 16 bytes, and what lies between its end and the next multiple of 16 is the block's.
[[gnu::always_inline]] inline void clear_freed_bytes(void* start, std::size_t bytes) noexcept {
  constexpr std::size_t kByHand = 512;
  if (__builtin_expect(bytes > kByHand || keep_freed_bytes, 0)) return clear_large_freed_bytes(start, bytes);
  const __m128i zero = _mm_setzero_si128();
  auto* at = static_cast<__m128i*>(start);
  auto* const end = reinterpret_cast<__m128i*>(static_cast<char*>(start) + bytes);
  for (; at < end; ++at) _mm_store_si128(at, zero);
}

}  // namespace weir
