#include "core/page_allocator.hpp"

#include "core/page_set.hpp"

namespace weir {
namespace {

// More than any address space has: sums of a size and an alignment below it don't overflow.
constexpr std::size_t kTooMuch = std::size_t{1} << 60;

constinit PageSet handed_out;

// Aligned pages that nobody owns yet.
std::byte* map_aligned(std::size_t bytes, std::size_t alignment) noexcept {
  if (alignment <= kPageSize) return static_cast<std::byte*>(map_pages(bytes));
  const std::size_t span = bytes + alignment - kPageSize;
  auto* const mapped = static_cast<std::byte*>(map_pages(span));
  if (mapped == nullptr) return nullptr;
  const std::size_t before = align_up(address_of(mapped), alignment) - address_of(mapped);
  const std::size_t behind = span - before - bytes;
  if (before != 0) unmap_pages(mapped, before);
  if (behind != 0) unmap_pages(mapped + before + bytes, behind);
  return mapped + before;
}

// Whoever gets the address range next must not find it erased by us: erase first.
bool release(std::byte* address, std::size_t bytes) noexcept {
  if (!handed_out.erase(address, bytes)) return false;
  unmap_pages(address, bytes);
  return true;
}

}  // namespace

void* PageAllocator::allocate(Layout layout, CallerAddress /*caller*/) noexcept {
  if (layout.bytes >= kTooMuch || layout.alignment >= kTooMuch) return nullptr;
  const std::size_t bytes = whole_pages(layout.bytes);
  std::byte* const block = map_aligned(bytes, layout.alignment);
  if (block == nullptr) return nullptr;
  if (handed_out.insert(block, bytes)) return block;
  unmap_pages(block, bytes);
  return nullptr;
}

bool PageAllocator::resize(void* block, Layout layout, std::size_t bytes, CallerAddress /*caller*/) noexcept {
  if (bytes >= kTooMuch) return false;
  auto* const begin = static_cast<std::byte*>(block);
  const std::size_t now = whole_pages(layout.bytes);
  const std::size_t wanted = whole_pages(bytes);
  if (wanted < now) return release(begin + wanted, now - wanted);
  if (wanted == now) return true;
  if (!grow_pages(block, now, wanted)) return false;
  if (handed_out.insert(begin + now, wanted - now)) return true;
  unmap_pages(begin + now, wanted - now);
  return false;
}

void* PageAllocator::remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller) noexcept {
  if (resize(block, layout, bytes, caller)) return block;
  void* const place = allocate(layout.with_bytes(bytes), caller);
  if (place == nullptr) return nullptr;
  const std::size_t now = whole_pages(layout.bytes);
  const std::size_t wanted = whole_pages(bytes);
  // Neither range is ours while the system moves pages; the tables for both exist, so insert does not fail.
  handed_out.erase(block, now);
  handed_out.erase(place, wanted);
  const bool moved = move_pages(block, now, place, wanted);
  // After a failure the place may already be another thread's, so it is not unmapped: at the worst that costs
  // addresses, and no memory.
  handed_out.insert(moved ? place : block, moved ? wanted : now);
  return moved ? place : nullptr;
}

void PageAllocator::deallocate(void* block, Layout layout, CallerAddress /*caller*/) noexcept {
  release(static_cast<std::byte*>(block), whole_pages(layout.bytes));
}

bool PageAllocator::owns(const void* block) const noexcept {
  return handed_out.contains(block);
}

}  // namespace weir
