// The bump allocator: blocks one behind the other in memory that was given to it.
//
// Nothing comes back before reset(), which gives back everything. Not thread-safe; never allocates. An
// allocation is an addition and a comparison. For what last-in-first-out gives back: FixedBuffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "allocator.hpp"
#include "sanitizers.hpp"

namespace weir {

class BumpAllocator {
 public:
  constexpr BumpAllocator() noexcept = default;
  explicit BumpAllocator(std::span<std::byte> memory) noexcept
      : begin_(address_of(memory.data())), next_(begin_), end_(begin_ + memory.size()) {}
  BumpAllocator(const BumpAllocator&) = delete;
  BumpAllocator& operator=(const BumpAllocator&) = delete;
  WEIR_IF_CHECKED(~BumpAllocator() {
    if (is_checked()) sanitizer::end(this, memory(), capacity());
  })

  void* allocate(Layout layout, CallerAddress /*caller*/ = nullptr) noexcept {
    const std::uintptr_t block = align_up(next_, layout.alignment);
    const std::size_t bytes = layout.bytes + (layout.bytes == 0);
    if (block > end_ || bytes > end_ - block) [[unlikely]]
      return nullptr;
    if (is_checked()) [[unlikely]] {
      if (next_ == begin_) sanitizer::cut(this, memory(), 0, capacity());
      sanitizer::allocated(this, reinterpret_cast<void*>(block), layout.bytes);
    }
    next_ = block + bytes;
    return reinterpret_cast<void*>(block);
  }

  // Shrinks; what is behind the new end stays used.
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress /*caller*/ = nullptr) noexcept {
    if (bytes > layout.bytes) return false;
    if (is_checked()) [[unlikely]]
      sanitizer::resized(this, block, layout.bytes, bytes);
    return true;
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return remap_by_copy(*this, block, layout, bytes, caller);
  }
  void deallocate(void* block, Layout layout, CallerAddress /*caller*/ = nullptr) noexcept {
    if (is_checked()) [[unlikely]]
      sanitizer::freed(this, block, layout.bytes);
  }

  bool owns(const void* block) const noexcept { return address_of(block) - begin_ < next_ - begin_; }
  std::size_t usable_size(const void* /*block*/, Layout layout) const noexcept { return layout.bytes; }

  void reset() noexcept {
    next_ = begin_;
    if (is_checked()) [[unlikely]]
      sanitizer::cut(this, memory(), 0, capacity());
  }
  std::size_t used() const noexcept { return next_ - begin_; }
  std::size_t capacity() const noexcept { return end_ - begin_; }

 private:
  bool is_checked() const noexcept { return sanitizer::active() && capacity() <= sanitizer::kMostBytes; }
  void* memory() const noexcept { return reinterpret_cast<void*>(begin_); }

  std::uintptr_t begin_ = 0;
  std::uintptr_t next_ = 0;
  std::uintptr_t end_ = 0;
};

static_assert(Allocator<BumpAllocator>);

}  // namespace weir
