#include "shim/leak/live_blocks.hpp"

#include <cstring>

#include "core/pages.hpp"
#include "shim/base/readable.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/page_blocks.hpp"

namespace weir {

bool LiveBlocks::collect(const MemoryMap& map, PageMap& pages) noexcept {
  collect_paged();
  for (std::uint32_t i = 0; i < map.count; ++i) {
    const Mapping& m = map.mappings[i];
    if (!m.readable || m.shared || m.file || !heap_zone.holds(reinterpret_cast<void*>(m.start))) continue;
    pages.for_touched_pages(m.start, m.end,
                            [this](std::uint64_t start, std::uint64_t end) { search(start, end); });
  }
  return !full_ && make_index();
}

// Doubles the list. As much as it needs, not as much as it could: a limit counts what is mapped.
bool LiveBlocks::make_room() noexcept {
  constexpr std::uint32_t kFirstRoom = 1u << 16;
  constexpr std::uint64_t kClaim = (std::uint64_t{1} << 32) * sizeof(LiveBlock);
  const std::uint32_t room = room_ != 0 ? 2 * room_ : kFirstRoom;
  if (room_ == 0) {
    blocks_ = reinterpret_cast<LiveBlock*>(table_zone.claim(kClaim));
    grows_in_place_ = true;
  }
  LiveBlock* const behind = blocks_ + room_;
  const std::uint64_t more = (room - room_) * sizeof(LiveBlock);
  full_ = room <= room_ || !(grow_in_place(behind, more) || move_list(room));
  if (!full_) room_ = room;
  return !full_;
}

bool LiveBlocks::grow_in_place(LiveBlock* behind, std::uint64_t bytes) noexcept {
  grows_in_place_ = grows_in_place_ && map_claimed(reinterpret_cast<std::uint64_t>(behind), bytes);
  if (grows_in_place_) advise_huge_pages(behind, bytes);
  return grows_in_place_;
}

// Where the zone's addresses are not to be had.
bool LiveBlocks::move_list(std::uint32_t room) noexcept {
  auto* const larger = static_cast<LiveBlock*>(table_zone.map(room * sizeof(LiveBlock)));
  if (larger == nullptr) return false;
  if (count_ != 0) std::memcpy(static_cast<void*>(larger), blocks_, count_ * sizeof(LiveBlock));
  if (room_ != 0) unmap_pages(blocks_, room_ * sizeof(LiveBlock));
  blocks_ = larger;
  return true;
}

inline void LiveBlocks::add(const LiveBlock& block) noexcept {
  if (__builtin_expect(count_ == room_, 0) && !make_room()) return;
  blocks_[count_++] = block;
}

void LiveBlocks::collect_paged() noexcept {
  pages::keep_mapped.store(true, std::memory_order_release);
  pages::for_each_live([this](pages::PageBlock& block) {
    block.leak_index = count_;
    add(LiveBlock(block.start, block.header));
  });
  paged_ = count_;
}

void LiveBlocks::search(std::uint64_t start, std::uint64_t end) noexcept {
  std::uint64_t at = start > skip_to_ ? start : skip_to_;
  for (; at + kHeaderBytes <= end; at += kHeaderBytes) {
    const auto& header = *reinterpret_cast<const BlockHeader*>(at);
    if (__builtin_expect(header.check_word == 0, 1) || !header.is_live()) continue;
    const std::uint64_t bytes = header.bytes();
    add(LiveBlock(at + block_distance, header));
    at += round_up(bytes, kHeaderBytes) + (block_distance - kHeaderBytes);
    skip_to_ = at + kHeaderBytes;
  }
}

void LiveBlocks::find_gap() noexcept {
  std::uint32_t first = paged_;
  std::uint32_t behind = count_;
  while (first < behind) {
    const std::uint32_t middle = first + (behind - first) / 2;
    if (blocks_[middle].start() < kRouteBase) {
      first = middle + 1;
    } else {
      behind = middle;
    }
  }
  gap_at_ = heap_span_;
  gap_ = 0;
  if (first == paged_ || first == count_) return;
  // Whole chunks, so that what lies behind keeps its place in its chunk.
  constexpr std::uint64_t kChunk = std::uint64_t{1} << kChunkShift;
  gap_at_ = round_up(blocks_[first - 1].end() + 1 - heap_low_, kChunk);
  const std::uint64_t behind_gap = (blocks_[first].start() - heap_low_) & ~(kChunk - 1);
  gap_ = behind_gap > gap_at_ ? behind_gap - gap_at_ : 0;
}

bool LiveBlocks::make_index() noexcept {
  if (count_ == 0) return true;
  constexpr std::uint64_t kChunk = std::uint64_t{1} << kChunkShift;
  low_ = blocks_[0].start();
  span_ = blocks_[count_ - 1].end() + 1 - low_;
  if (count_ == paged_) return true;
  heap_low_ = blocks_[paged_].start() & ~(kChunk - 1);
  heap_span_ = blocks_[count_ - 1].end() + 1 - heap_low_;
  find_gap();
  const std::uint64_t chunks = ((heap_span_ - gap_) >> kChunkShift) + 1;
  std::uint64_t started = 0;
  std::uint64_t last = ~std::uint64_t{0};
  for (std::uint32_t i = paged_; i < count_; ++i) {
    const std::uint64_t chunk = blocks_[i].start() >> kChunkShift;
    started += chunk != last ? 1 : 0;
    last = chunk;
  }
  chunks_ = static_cast<std::uint32_t*>(table_zone.map(chunks * sizeof(std::uint32_t)));
  index_ = static_cast<ChunkIndex*>(table_zone.map(started * sizeof(ChunkIndex)));
  if (chunks_ == nullptr || index_ == nullptr) return false;
  advise_huge_pages(index_, started * sizeof(ChunkIndex));
  std::uint32_t block = paged_;
  for (std::uint64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::uint64_t start = chunk << kChunkShift;
    if (block == count_ || packed(blocks_[block].start()) >= start + kChunk) {
      chunks_[chunk] = kNoStart | block;
      continue;
    }
    chunks_[chunk] = index_count_;
    ChunkIndex& index = index_[index_count_++];
    for (std::uint64_t step = 0; step <= kSteps; ++step) {
      while (block < count_ && packed(blocks_[block].start()) < start + (step << kIndexShift)) ++block;
      index.first[step] = block;
    }
  }
  return true;
}

bool LiveBlocks::is_in(std::uint32_t block, std::uint64_t address) const noexcept {
  const LiveBlock& b = blocks_[block];
  return address < b.end() || (address == b.end() && holds_past(b));
}

// The number of elements stands right in front of them, in as many bytes as their alignment asks for.
bool LiveBlocks::holds_past(const LiveBlock& b) const noexcept {
  constexpr std::uint64_t kMostAligned = 4096;
  const std::uint64_t bytes = b.bytes();
  if (bytes <= kPointedPast) return true;
  if (bytes > kMostAligned || (bytes & (bytes - 1)) != 0 || b.header().family() != Family::kNewArray)
    return false;
  return is_readable(b.end() - 8) && *reinterpret_cast<const std::uint64_t*>(b.end() - 8) == 0;
}

std::uint32_t LiveBlocks::find_paged(std::uint64_t address) const noexcept {
  const pages::PageBlock* block = pages::region_of(address).find(address);
  // One past the end may be the first byte of the page behind, which belongs to no block.
  if (block == nullptr) block = pages::region_of(address - 1).find(address - 1);
  if (block == nullptr || !block->is_live() || block->leak_index >= paged_) return kNone;
  const LiveBlock& found = blocks_[block->leak_index];
  return address >= found.start() && is_in(block->leak_index, address) ? block->leak_index : kNone;
}

// On pages of its own, or in a chunk in which no block begins.
std::uint32_t LiveBlocks::find_seldom(std::uint64_t address) const noexcept {
  if (pages::holds(address)) return find_paged(address);
  const std::uint64_t at = packed(address);
  if (at == kInGap) return kNone;
  return found(chunks_[at >> kChunkShift] & ~kNoStart, address);
}

std::uint32_t LiveBlocks::find(const Lookup& l) const noexcept {
  if (__builtin_expect(l.step == nullptr, 0)) return find_seldom(l.address);
  std::uint32_t first = l.step[0];
  std::uint32_t behind = l.step[1];
  // In this step, or the last one before it.
  while (first < behind) {
    const std::uint32_t middle = first + (behind - first) / 2;
    if (blocks_[middle].start() <= l.address) {
      first = middle + 1;
    } else {
      behind = middle;
    }
  }
  return found(first, l.address);
}

}  // namespace weir
