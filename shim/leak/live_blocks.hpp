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
  LiveBlock(std::uint64_t start, const BlockHeader& header) noexcept
      : start_(start), word_(header.bytes() | (is_root(header) ? kRoot : 0)) {}

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
    word_ = (word_ & (kBytesMask | kRoot)) | static_cast<std::uint64_t>(s) << 62;
  }
  // Made by a parent process, whose to report it is, or kept by libc for weir.
  bool is_root() const noexcept { return (word_ & kRoot) != 0; }

  const BlockHeader& header() const noexcept {
    if (__builtin_expect(pages::holds(start_), 0)) return pages::region_of(start_).find(start_)->header;
    return *reinterpret_cast<const BlockHeader*>(start_ - block_distance);
  }

 private:
  static bool is_root(const BlockHeader& header) noexcept {
    return header.generation() != (process_generation & 63) || header.family() == Family::kOwn;
  }

  static constexpr std::uint64_t kBytesMask = (std::uint64_t{1} << 61) - 1;
  static constexpr std::uint64_t kRoot = std::uint64_t{1} << 61;
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
  std::uint32_t find(std::uint64_t address) const noexcept { return find(begin_find(address)); }

  // The same in three steps, for who has many words to look up: what each step reads the one before has fetched, so
  // where others come in between nobody waits for memory.
  struct Lookup {
    std::uint64_t address;
    const std::uint32_t* step;  // of the index; nullptr where the answer does not come from there
  };
  Lookup begin_find(std::uint64_t address) const noexcept;
  void fetch(const Lookup& l) const noexcept;
  std::uint32_t find(const Lookup& l) const noexcept;

 private:
  bool make_room() noexcept;
  bool grow_in_place(LiveBlock* behind, std::uint64_t bytes) noexcept;
  bool move_list(std::uint32_t room) noexcept;
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

  std::uint32_t find_seldom(std::uint64_t address) const noexcept;
  // Of block `count` - 1, the last one that starts at or before the address.
  std::uint32_t found(std::uint32_t count, std::uint64_t address) const noexcept {
    return count != paged_ && is_in(count - 1, address) ? count - 1 : kNone;
  }
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
  bool grows_in_place_ = false;
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

inline LiveBlocks::Lookup LiveBlocks::begin_find(std::uint64_t address) const noexcept {
  const std::uint64_t at = packed(address);
  if (__builtin_expect(at == kInGap, 0)) return {address, nullptr};
  const std::uint32_t chunk = chunks_[at >> kChunkShift];
  if (__builtin_expect((chunk & kNoStart) != 0, 0)) return {address, nullptr};
  const std::uint32_t* const step = &index_[chunk].first[(at >> kIndexShift) & (kSteps - 1)];
  __builtin_prefetch(step);
  return {address, step};
}

inline void LiveBlocks::fetch(const Lookup& l) const noexcept {
  if (l.step == nullptr) return;
  // The step's blocks, of which there is one as a rule, and the last one before it.
  const LiveBlock* const first = blocks_ + *l.step;
  __builtin_prefetch(first);
  __builtin_prefetch(first - 1);
}

}  // namespace weir
