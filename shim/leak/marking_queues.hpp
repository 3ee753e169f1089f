// What marking has still to look into: words that may be pointers, and blocks that were reached.
//
// Both wait in short queues until what they need has come from memory, or is on its way, and blocks are looked into in
// the order of their addresses as far as that goes: on a heap in random order that is most of the time of marking. (A
// table of three million blocks: 1.54 s with a stack of blocks and nothing done for words, 0.55 s so.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/leak/live_blocks.hpp"

namespace weir {

// Words between the three steps of their look-up.
class WordQueue {
 public:
  // `found(block)` is called for a word that came earlier, if it points to one.
  template <typename F>
  void push(const LiveBlocks& blocks, std::uint64_t word, F&& found) noexcept {
    LiveBlocks::Lookup& place = words_[next_ % kWords];
    if (next_ - first_ == kWords) pop(blocks, found);
    place = blocks.begin_find(word);
    ++next_;
    if (next_ - first_ > kStep) blocks.fetch(words_[(next_ - kStep - 1) % kWords]);
  }

  bool empty() const noexcept { return next_ == first_; }

  // The same for all that wait. `found` may not push.
  template <typename F>
  void flush(const LiveBlocks& blocks, F&& found) noexcept {
    const std::uint32_t fetched = next_ - first_ > kStep ? next_ - kStep : first_;
    for (std::uint32_t i = fetched; i != next_; ++i) blocks.fetch(words_[i % kWords]);
    while (!empty()) pop(blocks, found);
  }

 private:
  template <typename F>
  void pop(const LiveBlocks& blocks, F&& found) noexcept {
    const std::uint32_t block = blocks.find(words_[first_++ % kWords]);
    if (block != LiveBlocks::kNone) found(block);
  }

  static constexpr std::uint32_t kStep = 12;
  static constexpr std::uint32_t kWords = 32;
  LiveBlocks::Lookup words_[kWords];
  std::uint32_t first_ = 0, next_ = 0;
};

// A set of the blocks that were reached, taken out in the order of their addresses, round and round: so where many wait,
// those that lie in a page come one behind the other. Bits, and above them, level by level, a bit for each word that has
// one: O(1) for all numbers of blocks.
class BlockSet {
 public:
  static std::size_t bytes_for(std::uint32_t blocks) noexcept;
  // `memory` is zero and holds bytes_for(blocks).
  void initialize(void* memory, std::uint32_t blocks) noexcept;

  void insert(std::uint32_t block) noexcept {
    std::uint32_t at = block;
    for (unsigned level = 0; level < levels_; ++level) {
      std::uint64_t& word = words_[level][at / 64];
      const bool had_one = word != 0;
      word |= std::uint64_t{1} << at % 64;
      if (had_one) return;
      at /= 64;
    }
  }

  // The first one from where the last one was on; kNone when there is none.
  std::uint32_t take() noexcept {
    std::uint32_t block = first_from(next_);
    if (block == LiveBlocks::kNone && next_ != 0) block = first_from(0);
    if (block == LiveBlocks::kNone) return block;
    erase(block);
    next_ = block;
    return block;
  }

 private:
  static constexpr unsigned kMostLevels = 6;  // 64^6 > 2^32

  std::uint32_t first_from(std::uint32_t at) const noexcept {
    for (unsigned level = 0; level < levels_; ++level) {
      if (at / 64 >= counts_[level]) return LiveBlocks::kNone;
      const std::uint64_t rest = words_[level][at / 64] & ~std::uint64_t{0} << at % 64;
      if (rest == 0) {
        at = at / 64 + 1;
        continue;
      }
      at = at / 64 * 64 + static_cast<std::uint32_t>(__builtin_ctzll(rest));
      while (level-- != 0) at = at * 64 + static_cast<std::uint32_t>(__builtin_ctzll(words_[level][at]));
      return at;
    }
    return LiveBlocks::kNone;
  }
  void erase(std::uint32_t at) noexcept {
    for (unsigned level = 0; level < levels_; ++level, at /= 64) {
      std::uint64_t& word = words_[level][at / 64];
      word &= ~(std::uint64_t{1} << at % 64);
      if (word != 0) return;
    }
  }

  unsigned levels_ = 0;
  std::uint64_t* words_[kMostLevels] = {};
  std::uint32_t counts_[kMostLevels] = {};
  std::uint32_t next_ = 0;
};

inline std::size_t BlockSet::bytes_for(std::uint32_t blocks) noexcept {
  std::size_t words = 0;
  for (std::uint32_t left = blocks; left > 1 || words == 0;) words += left = left / 64 + (left % 64 != 0);
  return words * sizeof(std::uint64_t);
}

inline void BlockSet::initialize(void* memory, std::uint32_t blocks) noexcept {
  auto* at = static_cast<std::uint64_t*>(memory);
  for (std::uint32_t left = blocks; left > 1 || levels_ == 0; at += left, ++levels_) {
    left = left / 64 + (left % 64 != 0);
    words_[levels_] = at;
    counts_[levels_] = left;
  }
}

// Blocks that were reached, on their way to being looked into.
class BlockQueue {
 public:
  void initialize(void* memory, std::uint32_t blocks) noexcept { waiting_.initialize(memory, blocks); }

  void push(std::uint32_t block) noexcept { waiting_.insert(block); }

  // The next block, or kNone.
  std::uint32_t pop(LiveBlocks& blocks) noexcept {
    while (fetched_ < kFetched) {
      const std::uint32_t block = waiting_.take();
      if (block == LiveBlocks::kNone) break;
      __builtin_prefetch(reinterpret_cast<const void*>(blocks[block].start()));
      queue_[(first_ + fetched_++) % kFetched] = block;
    }
    if (fetched_ == 0) return LiveBlocks::kNone;
    const std::uint32_t block = queue_[first_];
    first_ = (first_ + 1) % kFetched;
    --fetched_;
    return block;
  }

 private:
  static constexpr std::uint32_t kFetched = 16;
  BlockSet waiting_;
  std::uint32_t queue_[kFetched] = {};
  std::uint32_t first_ = 0, fetched_ = 0;
};

}  // namespace weir
