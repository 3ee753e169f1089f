// The page allocator: one mapping an allocation.
//
// Thread-safe, async-signal-safe and usable before initialisation; all page allocators are the same one.
// Blocks are zeroed when they are new and take memory as they are touched. An allocation is a system call;
// alignments beyond a page map more and give back what sticks out. owns() is exact: a set of the pages handed
// out is kept. The source of chunks for the others, and the allocator for what is large and rare.
#pragma once

#include <cstddef>

#include "allocator.hpp"
#include "pages.hpp"

namespace weir {

class PageAllocator {
 public:
  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept;

  // Unmaps the pages behind the new end, or grows where nothing lies behind.
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept;

  // Moves pages to where there is room for more of them; contents are not copied.
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept;

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept;
  bool owns(const void* block) const noexcept;
  std::size_t usable_size(const void* /*block*/, Layout layout) const noexcept {
    return whole_pages(layout.bytes);
  }

 private:
  static constexpr std::size_t whole_pages(std::size_t bytes) noexcept {
    return round_up(bytes == 0 ? 1 : bytes, kPageSize);
  }
};

static_assert(Allocator<PageAllocator>);

// The one to refer to.
inline constinit PageAllocator page_allocator;

}  // namespace weir
