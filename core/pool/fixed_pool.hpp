// Blocks of one size in storage that the caller gives: a capacity that is fixed, and no other memory.
//
//   alignas(64) std::array<std::byte, 4096> storage;
//   FixedPool pool(storage, Layout{64, 64});
//
// Not thread-safe. The storage must outlive the pool; its beginning is skipped up to the blocks' alignment.
// Blocks are carved in order of address when no released one is left, so that construction is O(1) and
// touches nothing. allocate, deallocate and owns are O(1).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "../allocator.hpp"
#include "../sanitizers.hpp"

namespace weir {

class FixedPool {
 public:
  FixedPool(std::span<std::byte> storage, Layout block) noexcept
      : alignment_(std::max(block.alignment, alignof(Node))) {
    if (block.bytes > PTRDIFF_MAX - alignment_) {
      return;  // no storage holds one
    }
    block_size_ = align_up(std::max(block.bytes, sizeof(Node)), alignment_);
    const std::uintptr_t start = address_of(storage.data());
    const std::size_t skipped = align_up(start, alignment_) - start;
    if (skipped < storage.size()) {
      begin_ = carved_ = storage.data() + skipped;
      end_ = begin_ + (storage.size() - skipped) / block_size_ * block_size_;
    }
  }
  FixedPool(const FixedPool&) = delete;
  FixedPool& operator=(const FixedPool&) = delete;
  WEIR_IF_CHECKED(~FixedPool() {
    if (sanitizer::active()) sanitizer::end(this, begin_, bytes());
  })

  void* allocate(Layout layout, CallerAddress) noexcept {
    if (layout.bytes > block_size_ || layout.alignment > alignment_) [[unlikely]] {
      return nullptr;
    }
    return acquire();
  }
  bool resize(void*, Layout, std::size_t bytes, CallerAddress) noexcept { return bytes <= block_size_; }
  void* remap(void* block, Layout, std::size_t bytes, CallerAddress) noexcept {
    return bytes <= block_size_ ? block : nullptr;
  }
  void deallocate(void* block, Layout, CallerAddress) noexcept { release(block); }

  bool owns(const void* p) const noexcept {
    return address_of(p) - address_of(begin_) < static_cast<std::size_t>(carved_ - begin_);
  }
  std::size_t usable_size(const void*, Layout) const noexcept { return block_size_; }

  void* acquire() noexcept {
    void* block = free_;
    if (free_ != nullptr) {
      const sanitizer::Access access(free_, sizeof(Node));
      free_ = free_->next;
    } else if (carved_ != end_) {
      if (sanitizer::active() && carved_ == begin_) [[unlikely]]
        sanitizer::cut(this, begin_, 0, bytes());
      block = carved_;
      carved_ += block_size_;
    } else {
      return nullptr;
    }
    ++in_use_;
    if (sanitizer::active()) [[unlikely]]
      sanitizer::allocated(this, block, block_size_);
    return block;
  }
  void release(void* block) noexcept {
    free_ = new (block) Node{free_};
    --in_use_;
    if (sanitizer::active()) [[unlikely]]
      sanitizer::freed(this, block, block_size_);
  }

  // All blocks are free again; what is in use must not be touched any more.
  void reset() noexcept {
    high_before_ = high_water_mark();
    carved_ = begin_;
    free_ = nullptr;
    in_use_ = 0;
    if (sanitizer::active()) sanitizer::cut(this, begin_, 0, bytes());
  }

  std::size_t block_size() const noexcept { return block_size_; }
  std::size_t in_use() const noexcept { return in_use_; }
  std::size_t capacity() const noexcept { return blocks(begin_, end_); }
  std::size_t high_water_mark() const noexcept { return std::max(high_before_, blocks(begin_, carved_)); }

 private:
  struct Node {
    Node* next;
  };

  std::size_t blocks(const std::byte* from, const std::byte* to) const noexcept {
    return from == to ? 0 : static_cast<std::size_t>(to - from) / block_size_;
  }

  std::size_t bytes() const noexcept { return static_cast<std::size_t>(end_ - begin_); }

  Node* free_ = nullptr;
  std::byte* carved_ = nullptr;  // where the blocks begin that were never handed out
  std::byte* end_ = nullptr;
  std::size_t in_use_ = 0;
  std::byte* begin_ = nullptr;
  std::size_t block_size_ = 0;
  std::size_t alignment_;
  std::size_t high_before_ = 0;
};

}  // namespace weir
