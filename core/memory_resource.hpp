// Between these allocators and std::pmr, both ways.
//
//   MemoryResource     one of ours as a std::pmr::memory_resource: pmr containers run on it
//   ResourceAllocator  a std::pmr::memory_resource as one of ours
//
// For programs with exceptions: std::pmr tells a failure by std::bad_alloc, which no other file here throws.
// Thread-safe where what lies below is; both refer to it.
#pragma once

#include <cerrno>
#include <cstddef>
#include <memory_resource>
#include <new>

#include "allocator.hpp"

#ifndef __cpp_exceptions
#error "core/memory_resource.hpp: std::pmr wants exceptions"
#endif

namespace weir {

template <Allocator A>
class MemoryResource final : public std::pmr::memory_resource {
 public:
  explicit MemoryResource(A& allocator) noexcept : allocator_(allocator) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* const block = allocator_.allocate({bytes, alignment}, WEIR_CALLER());
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    allocator_.deallocate(block, {bytes, alignment}, WEIR_CALLER());
  }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    const auto* const same = dynamic_cast<const MemoryResource*>(&other);
    return same != nullptr && &same->allocator_ == &allocator_;
  }

  A& allocator_;
};

// A resource cannot say whose a block is: every address is taken for its own, so that in a Fallback it comes
// last. It has no resize either: another size is another block.
class ResourceAllocator {
 public:
  static constexpr bool kOwnsEverything = true;

  explicit ResourceAllocator(std::pmr::memory_resource& below = *std::pmr::get_default_resource()) noexcept
      : below_(below) {}
  ResourceAllocator(const ResourceAllocator&) = delete;
  ResourceAllocator& operator=(const ResourceAllocator&) = delete;

  void* allocate(Layout layout, CallerAddress /*caller*/ = nullptr) noexcept {
    // Resources round sizes up, and not all look whether that overflows (operator new of libstdc++ 12).
    if (layout.bytes > kMost || layout.alignment > kMostAligned) return nullptr;
    const int saved = errno;
    void* block = nullptr;
    try {
      block = below_.allocate(layout.bytes + (layout.bytes == 0), layout.alignment);
    } catch (...) {
      block = nullptr;
    }
    errno = saved;
    return block;
  }

  bool resize(void* /*block*/, Layout layout, std::size_t bytes,
              CallerAddress /*caller*/ = nullptr) noexcept {
    return bytes == layout.bytes;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return remap_by_copy(*this, block, layout, bytes, caller);
  }

  void deallocate(void* block, Layout layout, CallerAddress /*caller*/ = nullptr) noexcept {
    const int saved = errno;
    below_.deallocate(block, layout.bytes + (layout.bytes == 0), layout.alignment);
    errno = saved;
  }

  bool owns(const void* block) const noexcept { return block != nullptr; }
  std::size_t usable_size(const void* /*block*/, Layout layout) const noexcept { return layout.bytes; }

 private:
  static constexpr std::size_t kMost = std::size_t{1} << 39;
  static constexpr std::size_t kMostAligned = std::size_t{1} << 30;

  std::pmr::memory_resource& below_;
};

static_assert(Allocator<ResourceAllocator>);

}  // namespace weir
