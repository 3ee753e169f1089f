// Stack, then heap: the first N bytes come from within the object, which usually is a local variable, and
// what does not fit there from another allocator.
//
//   weir::StackFallback<1024, Heap> scratch(heap);   // no request up to 1 KiB reaches the heap
//
// Not thread-safe. Blocks in the object end with it; those of the heap are given back one by one.
#pragma once

#include <cstddef>

#include "allocator.hpp"
#include "fallback.hpp"
#include "fixed_buffer.hpp"
#include "page_allocator.hpp"

namespace weir {

template <std::size_t N, Allocator Heap = PageAllocator>
class StackFallback {
 public:
  explicit StackFallback(Heap& heap) noexcept : both_(stack_, heap) {}
  StackFallback() noexcept requires std::same_as<Heap, PageAllocator> : StackFallback(page_allocator) {}
  StackFallback(const StackFallback&) = delete;
  StackFallback& operator=(const StackFallback&) = delete;

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    return both_.allocate(layout, caller);
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return both_.resize(block, layout, bytes, caller);
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return both_.remap(block, layout, bytes, caller);
  }
  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    both_.deallocate(block, layout, caller);
  }
  bool owns(const void* block) const noexcept { return both_.owns(block); }
  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return both_.usable_size(block, layout);
  }

  // Where blocks went: the part within the object.
  const FixedBufferOf<N>& stack() const noexcept { return stack_; }

 private:
  FixedBufferOf<N> stack_;
  Fallback<FixedBufferOf<N>, Heap> both_;
};

static_assert(Allocator<StackFallback<64>>);

}  // namespace weir
