// Blocks of one size, taken from a backing allocator in slabs and kept in a free list.
//
//   BlockPool pool(page_allocator, Layout::of<Node>());
//
// - Not thread-safe (core/thread_safe_pool.hpp is). Destroying the pool gives all slabs back, blocks that
//   are still in use with them.
// - Lazy: no memory is taken before the first block is asked for, and no page of a slab but its last is
//   touched before its blocks are handed out, which happens in order of address. Released blocks are reused
//   before that, last in first out.
// - Each slab holds as many blocks as all before it together, so that n blocks cost log n calls of the
//   backing allocator; what it can't give is asked for again by halves, down to one block.
// - allocate and deallocate are O(1), owns is O(slabs), trim is O(free blocks * slabs).
// - What is no block of this pool, or is given back twice, is not noticed here; Pool<T> notices.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "../allocator.hpp"
#include "../sanitizers.hpp"

namespace weir {

struct BlockPoolOptions {
  std::size_t first_slab = 4096;        // bytes of the first slab; at least one block fits
  std::size_t largest_slab = SIZE_MAX;  // bytes where slabs stop growing
  std::size_t limit = SIZE_MAX;         // blocks that the pool may have at once
  bool gaps = true;  // between blocks where a checker looks on (sanitizers.hpp); false: never
};

// Where a free block keeps the address of the next one, and what is done to it before its first use.
struct LinkInFront {
  static void* next(void* block) noexcept {
    const sanitizer::Access access(block, sizeof(void*));
    return *static_cast<void**>(block);
  }
  static void set_next(void* block, void* next) noexcept {
    const sanitizer::Access access(block, sizeof(void*));
    new (block) void*(next);
  }
  // How much of a block its user may touch, and how much of a free one nobody (sanitizers.hpp).
  static constexpr std::size_t opened(std::size_t block_size) noexcept { return block_size; }
  static constexpr std::size_t closed(std::size_t block_size) noexcept { return block_size; }
  static void prepare(void* /*block*/) noexcept {}  // by pools for several threads
};

template <Allocator Backing, typename Links = LinkInFront>
class BlockPool {
 public:
  // Written behind its blocks, so that these begin where the backing allocator's alignment puts them.
  struct Slab {
    Slab* next;         // an older one, so half as large or less
    std::byte* begin;   // its blocks
    std::byte* carved;  // where those begin that were never handed out
    std::byte* end;
    std::size_t first_index;  // the index of its first block; no index is used for two slabs
    std::size_t bytes;        // what the backing allocator gave
    std::size_t free;         // scratch of trim()

    bool holds(const void* p) const noexcept {
      return address_of(p) - address_of(begin) < address_of(carved) - address_of(begin);
    }
  };

  BlockPool(Backing& backing, Layout block, BlockPoolOptions options = {}) noexcept
      : backing_(backing),
        alignment_(std::max(block.alignment, alignof(Slab))),
        options_(options),
        block_size_(round_to_alignment(block.bytes)),
        stride_(sanitizer::active() && options.gaps && block_size_ != 0 && alignment_ <= kMostGapAlignment
                    ? align_up(block_size_ + sanitizer::kGap, alignment_)
                    : block_size_) {}
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool() { release_slabs(); }

  void* allocate(Layout layout, CallerAddress caller) noexcept {
    if (layout.bytes > block_size_ || layout.alignment > alignment_) [[unlikely]] {
      return nullptr;
    }
    return acquire(caller);
  }
  bool resize(void*, Layout, std::size_t bytes, CallerAddress) noexcept { return bytes <= block_size_; }
  void* remap(void* block, Layout, std::size_t bytes, CallerAddress) noexcept {
    return bytes <= block_size_ ? block : nullptr;
  }
  void deallocate(void* block, Layout, CallerAddress) noexcept { release(block); }

  // Of all blocks that were handed out since the slab was taken; in use or not.
  bool owns(const void* p) const noexcept {
    const Slab* slab = slab_of(p);
    return slab != nullptr &&
           (!sanitizer::active() || (address_of(p) - address_of(slab->begin)) % stride_ < block_size_);
  }
  std::size_t usable_size(const void*, Layout) const noexcept { return block_size_; }

  // The same for those who know that they want one block.
  void* acquire(CallerAddress caller = nullptr) noexcept {
    void* block = acquire_released();
    return block != nullptr ? block : acquire_unused(caller);
  }
  void release(void* block) noexcept {
    Links::set_next(block, free_);
    free_ = block;
    --in_use_;
    if (sanitizer::active()) [[unlikely]]
      sanitizer::freed(this, block, Links::closed(block_size_));
  }

  // The two halves of acquire: a block that had been in use before, or one that never was.
  void* acquire_released() noexcept {
    void* block = free_;
    if (block != nullptr) [[likely]] {
      free_ = Links::next(block);
      ++in_use_;
      if (sanitizer::active()) [[unlikely]]
        sanitizer::allocated(this, block, Links::opened(block_size_));
    }
    return block;
  }
  [[gnu::noinline]] void* acquire_unused(CallerAddress caller) noexcept;

  // Takes memory now, so that the next `blocks` blocks need none. What could be had is kept if it fails.
  bool warm_up(std::size_t blocks, CallerAddress caller = nullptr) noexcept {
    while (capacity_ - in_use_ < blocks) {
      if (grow(blocks - (capacity_ - in_use_), caller) == nullptr) {
        return false;
      }
    }
    return true;
  }

  // Gives back the slabs that have no block in use, after visit(std::byte* block) for each of their blocks
  // that had been in use. Returns their bytes.
  template <typename Visit>
  std::size_t trim(Visit visit) noexcept;
  std::size_t trim() noexcept {
    return trim([](std::byte*) {});
  }

  // All blocks are free again and the slabs stay; what is in use must not be touched any more.
  void reset() noexcept {
    high_before_ = high_water_mark();
    free_ = nullptr;
    for (Slab* slab = slabs_; slab != nullptr; slab = slab->next) {
      slab->carved = slab->begin;
    }
    in_use_ = carved_ = 0;
    if (sanitizer::active()) {
      sanitizer::forget(this);
      for (const Slab* slab = slabs_; slab != nullptr; slab = slab->next) {
        sanitizer::close(slab->begin, bytes_between(slab->begin, slab->end));
      }
    }
  }

  std::size_t block_size() const noexcept { return block_size_; }
  // From one block to the next: the size of a block, and a gap where a checker looks on (sanitizers.hpp).
  std::size_t stride() const noexcept { return stride_; }
  std::size_t alignment() const noexcept { return alignment_; }
  std::size_t limit() const noexcept { return options_.limit; }
  std::size_t in_use() const noexcept { return in_use_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t carved() const noexcept {
    return carved_;
  }  // blocks that were in use once, of slabs still there

  // The most blocks that were in use at one time. Blocks are carved when no other is free, so that it needs
  // no counting: it is the number of those carved.
  std::size_t high_water_mark() const noexcept { return std::max(high_before_, carved_); }

  // The slab that a block lies in, or nullptr. The newest, in which half of all blocks lie, is asked first.
  const Slab* slab_of(const void* p) const noexcept {
    const Slab* slab = slabs_;
    while (slab != nullptr && !slab->holds(p)) {
      slab = slab->next;
    }
    return slab;
  }

  // The newest one; Slab::next leads to the others.
  const Slab* newest_slab() const noexcept { return slabs_; }

  // Whether an address lies in the memory of a slab at all, handed out or not.
  bool spans(const void* p) const noexcept {
    const Slab* slab = slabs_;
    while (slab != nullptr && address_of(p) - address_of(slab->begin) >= slab->bytes) {
      slab = slab->next;
    }
    return slab != nullptr;
  }

  // The block with this index (Slab::first_index) if it was ever handed out, or nullptr.
  std::byte* block_at(std::size_t index) const noexcept {
    for (const Slab* slab = slabs_; slab != nullptr; slab = slab->next) {
      const std::size_t place = index - slab->first_index;
      if (place < bytes_between(slab->begin, slab->carved) / stride_) {
        return slab->begin + place * stride_;
      }
    }
    return nullptr;
  }

  // Calls visit(std::byte* block) for each block that was handed out, whether in use or not.
  template <typename Visit>
  void for_each_carved(Visit visit) const noexcept {
    for (const Slab* slab = slabs_; slab != nullptr; slab = slab->next) {
      for_each_carved(slab, visit);
    }
  }

 private:
  static constexpr std::size_t kMostGapAlignment = 64;

  static std::size_t bytes_between(const std::byte* from, const std::byte* to) noexcept {
    return static_cast<std::size_t>(to - from);
  }

  // 0, of which no slab can be made, where the sum overflows.
  std::size_t round_to_alignment(std::size_t bytes) const noexcept {
    return bytes > PTRDIFF_MAX - alignment_ ? 0 : align_up(std::max(bytes, sizeof(void*)), alignment_);
  }

  template <typename Visit>
  void for_each_carved(const Slab* slab, Visit& visit) const noexcept {
    for (std::byte* block = slab->begin; block != slab->carved; block += stride_) {
      visit(block);
    }
  }

  Slab* grow(std::size_t at_least, CallerAddress caller) noexcept;
  Slab* take_slab(std::size_t blocks, CallerAddress caller) noexcept;
  void give_back(Slab* slab) noexcept {
    if (sanitizer::active()) sanitizer::open_defined(slab->begin, slab->bytes);
    backing_.deallocate(slab->begin, Layout{slab->bytes, alignment_}, nullptr);
  }
  void release_slabs() noexcept {
    if (sanitizer::active()) sanitizer::forget(this);
    while (slabs_ != nullptr) {
      Slab* slab = slabs_;
      slabs_ = slab->next;
      give_back(slab);
    }
  }

  // What acquire and release touch comes first.
  void* free_ = nullptr;
  std::size_t in_use_ = 0;
  Slab* slabs_ = nullptr;    // newest first
  Slab* carving_ = nullptr;  // where the next unused block is looked for first
  Backing& backing_;
  std::size_t alignment_;
  BlockPoolOptions options_;
  std::size_t block_size_;
  std::size_t stride_;
  std::size_t capacity_ = 0;
  std::size_t carved_ = 0;
  std::size_t high_before_ = 0;  // high_water_mark before blocks were uncarved by trim or reset
  std::size_t next_index_ = 0;
};

template <Allocator Backing, typename Links>
auto BlockPool<Backing, Links>::take_slab(std::size_t blocks, CallerAddress caller) noexcept -> Slab* {
  if (block_size_ == 0 || blocks > (PTRDIFF_MAX - sizeof(Slab)) / stride_) {
    return nullptr;
  }
  const std::size_t bytes = blocks * stride_ + sizeof(Slab);  // the size is a multiple of alignof(Slab)
  void* memory = backing_.allocate(Layout{bytes, alignment_}, caller);
  if (memory == nullptr) {
    return nullptr;
  }
  auto* begin = static_cast<std::byte*>(memory);
  std::byte* end = begin + blocks * stride_;
  if (sanitizer::active()) sanitizer::close(begin, bytes_between(begin, end));
  slabs_ = new (end) Slab{slabs_, begin, begin, end, next_index_, bytes, 0};
  next_index_ += blocks;
  capacity_ += blocks;
  return slabs_;
}

template <Allocator Backing, typename Links>
auto BlockPool<Backing, Links>::grow(std::size_t at_least, CallerAddress caller) noexcept -> Slab* {
  if (block_size_ == 0 || capacity_ >= options_.limit) {
    return nullptr;
  }
  const auto fitting = [&](std::size_t bytes) {
    return bytes <= sizeof(Slab) ? 0 : (bytes - sizeof(Slab)) / stride_;
  };
  std::size_t blocks = std::max({capacity_, fitting(options_.first_slab), std::size_t{1}});
  blocks = std::min(blocks, std::max(fitting(options_.largest_slab), std::size_t{1}));
  blocks = std::min(std::max(blocks, at_least), options_.limit - capacity_);
  Slab* slab = take_slab(blocks, caller);
  while (slab == nullptr && blocks > 1) {
    blocks /= 2;
    slab = take_slab(blocks, caller);
  }
  return slab;
}

template <Allocator Backing, typename Links>
void* BlockPool<Backing, Links>::acquire_unused(CallerAddress caller) noexcept {
  Slab* slab = carving_;
  if (slab == nullptr || slab->carved == slab->end) {
    slab = slabs_;
    while (slab != nullptr && slab->carved == slab->end) {
      slab = slab->next;
    }
    if (slab == nullptr && (slab = grow(1, caller)) == nullptr) {
      return nullptr;
    }
    carving_ = slab;
  }
  std::byte* block = slab->carved;
  slab->carved += stride_;
  ++carved_;
  ++in_use_;
  if (sanitizer::active()) sanitizer::allocated(this, block, Links::opened(block_size_));
  return block;
}

// Counts the free blocks of each slab, takes those of idle slabs out of the free list, then the slabs away.
template <Allocator Backing, typename Links>
template <typename Visit>
std::size_t BlockPool<Backing, Links>::trim(Visit visit) noexcept {
  const auto slab_with = [this](const void* p) { return const_cast<Slab*>(slab_of(p)); };
  const auto idle = [this](const Slab* slab) {
    return slab->free * stride_ == bytes_between(slab->begin, slab->carved);
  };
  for (Slab* slab = slabs_; slab != nullptr; slab = slab->next) {
    slab->free = 0;
  }
  for (void* block = free_; block != nullptr; block = Links::next(block)) {
    ++slab_with(block)->free;
  }
  void* last = nullptr;  // of the blocks that stay
  for (void *block = std::exchange(free_, nullptr), *next = nullptr; block != nullptr; block = next) {
    next = Links::next(block);
    if (idle(slab_with(block))) {
      continue;
    }
    if (last == nullptr) {
      free_ = block;
    } else {
      Links::set_next(last, block);
    }
    Links::set_next(block, nullptr);
    last = block;
  }
  high_before_ = high_water_mark();
  carving_ = nullptr;
  std::size_t given = 0;
  Slab** place = &slabs_;
  while (*place != nullptr) {
    Slab* slab = *place;
    if (!idle(slab)) {
      place = &slab->next;
      continue;
    }
    for_each_carved(slab, visit);
    *place = slab->next;
    given += slab->bytes;
    carved_ -= slab->free;
    capacity_ -= bytes_between(slab->begin, slab->end) / stride_;
    give_back(slab);
  }
  return given;
}

}  // namespace weir
