// An allocator whose kind is known at run time: a pointer to it and a table of its operations.
//
// A handle is two words, is copied like a pointer, and costs an indirect call an operation. It refers to the
// allocator, which must outlive it; thread-safe where that is. A handle on a handle is the same handle.
#pragma once

#include <concepts>
#include <cstddef>

#include "allocator.hpp"

namespace weir {

class AnyAllocator {
 public:
  template <Allocator A>
  requires(!std::same_as<A, AnyAllocator>) constexpr AnyAllocator(
      A& allocator) noexcept  // NOLINT(google-explicit-constructor): stands for any of them
      : self_(&allocator), operations_(&kOperationsOf<A>) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    return operations_->allocate(self_, layout, caller);
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return operations_->resize(self_, block, layout, bytes, caller);
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return operations_->remap(self_, block, layout, bytes, caller);
  }
  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    operations_->deallocate(self_, block, layout, caller);
  }
  bool owns(const void* block) const noexcept { return operations_->owns(self_, block); }
  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return operations_->usable_size(self_, block, layout);
  }

  // Of the same allocator.
  friend constexpr bool operator==(const AnyAllocator&, const AnyAllocator&) = default;

 private:
  struct Operations {
    void* (*allocate)(void*, Layout, CallerAddress) noexcept;
    bool (*resize)(void*, void*, Layout, std::size_t, CallerAddress) noexcept;
    void* (*remap)(void*, void*, Layout, std::size_t, CallerAddress) noexcept;
    void (*deallocate)(void*, void*, Layout, CallerAddress) noexcept;
    bool (*owns)(const void*, const void*) noexcept;
    std::size_t (*usable_size)(const void*, const void*, Layout) noexcept;
  };

  template <typename A>
  static A& as(void* self) noexcept {
    return *static_cast<A*>(self);
  }
  template <typename A>
  static const A& as(const void* self) noexcept {
    return *static_cast<const A*>(self);
  }

  template <typename A>
  static constexpr Operations kOperationsOf = {
      .allocate = [](void* self, Layout layout, CallerAddress caller) noexcept -> void* {
        return as<A>(self).allocate(layout, caller);
      },
      .resize = [](void* self, void* block, Layout layout, std::size_t bytes, CallerAddress caller) noexcept
      -> bool { return as<A>(self).resize(block, layout, bytes, caller); },
      .remap = [](void* self, void* block, Layout layout, std::size_t bytes, CallerAddress caller) noexcept
      -> void* { return as<A>(self).remap(block, layout, bytes, caller); },
      .deallocate = [](void* self, void* block, Layout layout, CallerAddress caller) noexcept -> void {
        as<A>(self).deallocate(block, layout, caller);
      },
      .owns = [](const void* self, const void* block) noexcept -> bool { return as<A>(self).owns(block); },
      .usable_size = [](const void* self, const void* block, Layout layout) noexcept -> std::size_t {
        return as<A>(self).usable_size(block, layout);
      },
  };

  void* self_;
  const Operations* operations_;
};

static_assert(Allocator<AnyAllocator>);

}  // namespace weir
