// All live blocks of the heap at one moment, found by searching it for headers that authenticate.
//
// Sorted by address, with an index by every 256 bytes of each 2 MiB in which a block begins, so that the block
// which an address lies in (its start, its inside) is found with a few compares, and a block of 512 GiB costs
// no more than its header. Blocks on pages of their own (guard=page) come first: they lie below the heap,
// have no header in front, and are found by their slots. The heap must stand still while it is built and
// used; the memory for it comes from the table zone. Cost: the heap's touched pages once, about 25 ms a
// million blocks.
#pragma once

#include <cstdint>

#include "shim/guard/page_slots.hpp"
#include "shim/leak/memory_map.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

enum class BlockState : std::uint64_t {
  kUnreached = 0,
  kReachable = 1,
  kDirect = 2,
  kIndirect = 3,
};

class LiveBlock {
 public:
  LiveBlock() = default;
  LiveBlock(std::uint64_t start, std::uint64_t bytes) noexcept : start_(start), word_(bytes) {}

  std::uint64_t start() const noexcept { return start_; }
  std::uint64_t bytes() const noexcept { return word_ & kBytesMask; }
  // With what lies behind them that the program was told it may use.
  std::uint64_t used_bytes() const noexcept {
    if (__builtin_expect(weir::used_bytes == nullptr || pages::holds(start_), 1)) return bytes();
    return weir::used_bytes(*reinterpret_cast<BlockHeader*>(start_ - kHeaderBytes));
  }
  // A block of no bytes is still pointed to by its address.
  std::uint64_t end() const noexcept { return start_ + (bytes() != 0 ? bytes() : 1); }
  BlockState state() const noexcept { return static_cast<BlockState>(word_ >> 62); }
  void set_state(BlockState s) noexcept {
    word_ = (word_ & kBytesMask) | static_cast<std::uint64_t>(s) << 62;
  }

  const BlockHeader& header() const noexcept {
    if (__builtin_expect(pages::holds(start_), 0)) return pages::region_of(start_).find(start_)->header;
    return *reinterpret_cast<const BlockHeader*>(start_ - block_distance);
  }
  // Made by a parent process: it is that process's to report.
  bool inherited() const noexcept { return header().generation() != (process_generation & 63); }

 private:
  static constexpr std::uint64_t kBytesMask = (std::uint64_t{1} << 62) - 1;
  std::uint64_t start_, word_;
};

class LiveBlocks {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::uint64_t kPointedPast = 16;

  // False when there is no memory for the list.
  bool collect(const MemoryMap& map, PageMap& pages) noexcept;

  std::uint32_t count() const noexcept { return count_; }
  LiveBlock& operator[](std::uint32_t i) noexcept { return blocks_[i]; }

  // Whether a word can be an address of a block at all; one compare.
  bool may_point(std::uint64_t word) const noexcept { return word - low_ < span_; }

  // The block that `address` lies in, or kNone. One past the end counts as in it where a program may have no
  // other pointer: behind a block that can be all header, of kPointedPast bytes at most, and behind an array
  // of no elements, which new[] made for their number alone. No other block can begin there, each having a
  // header of weir's in front.
  std::uint32_t find(std::uint64_t address) const noexcept;

 private:
  bool make_room() noexcept;
  void add(const LiveBlock& block) noexcept;
  void collect_paged() noexcept;
  void search(std::uint64_t start, std::uint64_t end) noexcept;
  bool make_index() noexcept;
  void find_gap() noexcept;
  std::uint32_t find_paged(std::uint64_t address) const noexcept;

  // Where the address would lie if the terabytes between the parent's blocks and the routes' were not there;
  // kInGap for one in them, or outside.
  static constexpr std::uint64_t kInGap = ~std::uint64_t{0};
  std::uint64_t packed(std::uint64_t address) const noexcept {
    const std::uint64_t at = address - heap_low_;
    if (at >= heap_span_) return kInGap;
    if (at < gap_at_) return at;
    return at >= gap_at_ + gap_ ? at - gap_ : kInGap;
  }

  // The last block that starts at or before `at`, plus one; kNone's like is 0.
  std::uint32_t count_to(std::uint64_t at, std::uint64_t address) const noexcept;
  bool is_in(std::uint32_t block, std::uint64_t address) const noexcept;
  bool holds_past(const LiveBlock& block) const noexcept;

  static constexpr unsigned kIndexShift = 8;  // few enough blocks a step for one or two cache lines
  static constexpr unsigned kChunkShift = 21;
  static constexpr std::uint64_t kSteps = std::uint64_t{1} << (kChunkShift - kIndexShift);
  static constexpr std::uint32_t kNoStart = std::uint32_t{1} << 31;

  struct ChunkIndex {
    std::uint32_t first[kSteps + 1];  // the first block that starts in this step or later
  };

  LiveBlock* blocks_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t room_ = 0;
  bool full_ = false;
  std::uint32_t paged_ = 0;                     // the first so many lie on pages of their own
  std::uint64_t low_ = 0, span_ = 0;            // of all blocks
  std::uint64_t heap_low_ = 0, heap_span_ = 0;  // of the others
  std::uint64_t gap_at_ = 0, gap_ = 0;          // from heap_low_ on, in bytes
  std::uint64_t skip_to_ = 0;                   // end of the last block found: no header lies inside it
  // By chunks of 2 MiB: the number of its index, or kNoStart and the first block that starts behind it.
  std::uint32_t* chunks_ = nullptr;
  ChunkIndex* index_ = nullptr;
  std::uint32_t index_count_ = 0;
};

}  // namespace weir
