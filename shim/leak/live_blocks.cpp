#include "shim/leak/live_blocks.hpp"

#include "core/pages.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/page_blocks.hpp"

namespace weir {

bool LiveBlocks::collect(const MemoryMap& map, PageMap& pages) noexcept {
  // At most one block in 32 bytes; the list is mapped whole and touched as far as it is used.
  std::uint64_t heap_bytes = 0;
  for (std::uint32_t i = 0; i < map.count; ++i) {
    const Mapping& m = map.mappings[i];
    if (m.writable && heap_zone.holds(reinterpret_cast<void*>(m.start))) heap_bytes += m.end - m.start;
  }
  const std::uint64_t most = heap_bytes / 32 + pages::small_slots.count() + pages::large_slots.count() + 1;
  room_ = most < kNone ? static_cast<std::uint32_t>(most) : kNone - 1;
  blocks_ = static_cast<LiveBlock*>(table_zone.map(room_ * sizeof(LiveBlock)));
  if (blocks_ == nullptr) return false;
  collect_paged();
  for (std::uint32_t i = 0; i < map.count; ++i) {
    const Mapping& m = map.mappings[i];
    if (!m.writable || !m.readable || !heap_zone.holds(reinterpret_cast<void*>(m.start))) continue;
    pages.for_touched_pages(m.start, m.end,
                            [this](std::uint64_t start, std::uint64_t end) { search(start, end); });
  }
  return make_index();
}

void LiveBlocks::collect_paged() noexcept {
  pages::keep_mapped.store(true, std::memory_order_release);
  pages::for_each_live([this](pages::PageBlock& block) {
    if (count_ == room_) return;
    block.leak_index = count_;
    blocks_[count_++] = LiveBlock(block.start, block.bytes());
  });
  paged_ = count_;
}

void LiveBlocks::search(std::uint64_t start, std::uint64_t end) noexcept {
  std::uint64_t at = start > skip_to_ ? start : skip_to_;
  for (; at + kHeaderBytes <= end; at += kHeaderBytes) {
    const auto& header = *reinterpret_cast<const BlockHeader*>(at);
    if (__builtin_expect(header.check_word == 0, 1) || !header.is_live() || count_ == room_) continue;
    const std::uint64_t bytes = header.bytes();
    blocks_[count_++] = LiveBlock(at + block_distance, bytes);
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
  gap_at_ = blocks_[first - 1].end() - heap_low_;
  gap_ = blocks_[first].start() - heap_low_ - gap_at_;
}

bool LiveBlocks::make_index() noexcept {
  if (count_ == 0) return true;
  low_ = blocks_[0].start();
  span_ = blocks_[count_ - 1].end() - low_;
  if (count_ == paged_) return true;
  heap_low_ = blocks_[paged_].start();
  heap_span_ = blocks_[count_ - 1].end() - heap_low_;
  find_gap();
  const std::uint64_t steps = ((heap_span_ - gap_) >> kIndexShift) + 2;
  index_ = static_cast<std::uint32_t*>(table_zone.map(steps * sizeof(std::uint32_t)));
  if (index_ == nullptr) return false;
  std::uint32_t block = paged_;
  for (std::uint64_t step = 0; step < steps; ++step) {
    while (block < count_ && packed(blocks_[block].start()) < step << kIndexShift) ++block;
    index_[step] = block;
  }
  return true;
}

std::uint32_t LiveBlocks::find_paged(std::uint64_t address) const noexcept {
  const pages::PageBlock* block = pages::region_of(address).find(address);
  if (block == nullptr || !block->is_live() || block->leak_index >= paged_) return kNone;
  const LiveBlock& found = blocks_[block->leak_index];
  return address >= found.start() && address < found.end() ? block->leak_index : kNone;
}

std::uint32_t LiveBlocks::find(std::uint64_t address) const noexcept {
  if (__builtin_expect(pages::holds(address), 0)) return find_paged(address);
  const std::uint64_t at = packed(address);
  if (__builtin_expect(at == kInGap, 0)) return kNone;
  const std::uint64_t step = at >> kIndexShift;
  std::uint32_t first = index_[step];
  std::uint32_t behind = index_[step + 1];
  // The last block that starts at or before the address: in this step, or the last one before it.
  while (first < behind) {
    const std::uint32_t middle = first + (behind - first) / 2;
    if (blocks_[middle].start() <= address) {
      first = middle + 1;
    } else {
      behind = middle;
    }
  }
  if (first == paged_) return kNone;
  return address < blocks_[first - 1].end() ? first - 1 : kNone;
}

}  // namespace weir
