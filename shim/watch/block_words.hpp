// One word beside each block of the heap, found by its address alone: what a limit counted for it, and
// whether the call log named it.
//
// A budget has to take back exactly what it added, whoever frees the block, and whatever the conditions were
// when it was allocated (the thread's name, the caller). Headers have no room for that, and mode=pass has no
// headers. So each 16 bytes of the heap zone have a word in the table zone, in pieces that are mapped when
// their part of the heap is first used: no lock, no search, no hash; a fork's child has a copy, as it has of
// the blocks. It costs up to half of the memory that small blocks take, and only while something asks for it.
//
// Thread-safe, lock-free, async-signal-safe, never calls malloc. 0 is "nothing is known": of a block that was
// there before, of one outside the zones (libc's own), and where there was no memory for a piece.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/base/zones.hpp"
#include "shim/guard/page_zone.hpp"

namespace weir::block_words {

inline constexpr unsigned kPieceShift = 22;  // 4 MiB of heap have 2 MiB of words
inline constexpr std::uint64_t kLow =
    pages::kPageZoneBase;  // the page zone, and right above it the heap zone
inline constexpr std::uint64_t kSpan = pages::kPageZoneSpan + 2 * kZoneSpan;
static_assert(kLow + pages::kPageZoneSpan + kZoneSpan == kRouteBase);
inline constexpr std::uint64_t kPieces = kSpan >> kPieceShift;
inline constexpr unsigned kGrainShift = 4;

using Word = std::atomic<std::uint64_t>;

extern std::atomic<std::atomic<Word*>*> directory;

// Before the first use; false when there is no memory.
bool start() noexcept;

// The piece's words, mapped now; nullptr when there is no memory, or the address is in neither zone.
Word* make_piece(std::uint64_t address) noexcept;

inline Word* find(const void* block) noexcept {
  const std::uint64_t at = reinterpret_cast<std::uint64_t>(block) - kLow;
  const auto* pieces = directory.load(std::memory_order_relaxed);
  if (at >= kSpan || pieces == nullptr) return nullptr;
  Word* words = pieces[at >> kPieceShift].load(std::memory_order_acquire);
  constexpr std::uint64_t kInPiece = (std::uint64_t{1} << (kPieceShift - kGrainShift)) - 1;
  return words != nullptr ? words + (at >> kGrainShift & kInPiece) : nullptr;
}

// Sets a new block's word. False when it could not be kept: then take() will answer 0.
inline bool put(const void* block, std::uint64_t word) noexcept {
  Word* at = find(block);
  if (__builtin_expect(at == nullptr, 0)) {
    if (make_piece(reinterpret_cast<std::uint64_t>(block)) == nullptr) return false;
    at = find(block);
  }
  at->store(word, std::memory_order_relaxed);
  return true;
}

// Sets bits of a live block's word.
inline void mark(const void* block, std::uint64_t bits) noexcept {
  if (Word* at = find(block); at != nullptr) {
    at->fetch_or(bits, std::memory_order_relaxed);
  } else {
    put(block, bits);
  }
}

// The block's word, which is 0 from now on; before the block is freed, as another thread may get it then.
inline std::uint64_t take(const void* block) noexcept {
  Word* at = find(block);
  if (at == nullptr || at->load(std::memory_order_relaxed) == 0) return 0;
  return at->exchange(0, std::memory_order_relaxed);
}

inline std::uint64_t peek(const void* block) noexcept {
  const Word* at = find(block);
  return at != nullptr ? at->load(std::memory_order_relaxed) : 0;
}

// Takes the words of all blocks in [start, end), where several end at once (a scope of an arena).
template <typename F>
void take_range(const char* start, const char* end, F&& taken) noexcept {
  for (const char* block = start; block < end; block += std::uint64_t{1} << kGrainShift) {
    if (const std::uint64_t word = take(block); word != 0) taken(word);
  }
}

}  // namespace weir::block_words
