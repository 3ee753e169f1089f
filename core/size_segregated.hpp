// Two allocators by size: requests up to a threshold go to the first, larger ones to the second.
//
// A block's size says whose it is; no owns() is asked on the way. resize across the threshold is refused,
// remap moves the block. Thread-safe where both are; refers to both.
#pragma once

#include <cstddef>

#include "allocator.hpp"
#include "fallback.hpp"

namespace weir {

template <std::size_t threshold, Allocator Small, Allocator Large>
class SizeSegregated {
 public:
  constexpr SizeSegregated(Small& small, Large& large) noexcept : small_(small), large_(large) {}
  SizeSegregated(const SizeSegregated&) = delete;
  SizeSegregated& operator=(const SizeSegregated&) = delete;

  static constexpr bool is_small(std::size_t bytes) noexcept { return bytes <= threshold; }

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    return is_small(layout.bytes) ? small_.allocate(layout, caller) : large_.allocate(layout, caller);
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    if (is_small(bytes) != is_small(layout.bytes)) return false;
    return is_small(bytes) ? small_.resize(block, layout, bytes, caller)
                           : large_.resize(block, layout, bytes, caller);
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    if (is_small(layout.bytes)) {
      return is_small(bytes) ? small_.remap(block, layout, bytes, caller)
                             : move_block(small_, large_, block, layout, bytes, caller);
    }
    return is_small(bytes) ? move_block(large_, small_, block, layout, bytes, caller)
                           : large_.remap(block, layout, bytes, caller);
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    if (is_small(layout.bytes)) {
      small_.deallocate(block, layout, caller);
    } else {
      large_.deallocate(block, layout, caller);
    }
  }

  bool owns(const void* block) const noexcept { return small_.owns(block) || large_.owns(block); }

  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return is_small(layout.bytes) ? small_.usable_size(block, layout) : large_.usable_size(block, layout);
  }

 private:
  Small& small_;
  Large& large_;
};

}  // namespace weir
