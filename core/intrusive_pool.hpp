// Objects that are linked by a member of their own while they are free, and so cost nothing but themselves.
//
//   struct Job { Job* next = nullptr; ... };
//   IntrusivePool<Job, &Job::next> jobs(page_allocator);
//
// - Not thread-safe. Lazy, geometric, limited and trimmed like the BlockPool that it stands on.
// - An object is constructed by the first acquire of its place, and kept; it is destroyed by trim or with
//   the pool. reset(T&), where given, runs at each release, before the link is written.
// - While an object is acquired its link is the user's: for a queue, say. It holds rubbish after acquire.
// - Nothing is checked: there is no room for it. Pool<T> checks.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "allocator.hpp"
#include "page_allocator.hpp"
#include "pool/block_pool.hpp"
#include "pool/lifecycle.hpp"
#include "pool/scoped.hpp"
#include "sanitizers.hpp"
#include "typed.hpp"

namespace weir {

template <typename T, T* T::*kLink, Allocator Backing = PageAllocator, typename Reset = AsItWas>
class IntrusivePool {
 public:
  explicit IntrusivePool(Backing& backing, BlockPoolOptions options = {}, Reset reset = {}) noexcept
      : blocks_(backing, Layout::of<T>(), options), reset_(std::move(reset)) {}
  IntrusivePool(const IntrusivePool&) = delete;
  IntrusivePool& operator=(const IntrusivePool&) = delete;
  ~IntrusivePool() {
    blocks_.for_each_carved([](std::byte* block) { kept_object_at(block)->~T(); });
  }

  // nullptr if there is no memory, or at the limit. The arguments serve the first construction only.
  template <typename... Arguments>
  [[gnu::always_inline]] T* acquire(Arguments&&... arguments) noexcept {
    if (void* block = blocks_.acquire_released()) [[likely]] {
      return kept_object_at(block);
    }
    void* block = blocks_.acquire_unused(here());
    return block == nullptr ? nullptr : new (block) T(std::forward<Arguments>(arguments)...);
  }
  void release(T* object) noexcept {
    reset_(*object);
    blocks_.release(object);
  }
  template <typename... Arguments>
  [[nodiscard, gnu::always_inline]] Scoped<T, IntrusivePool> scoped(Arguments&&... arguments) noexcept {
    return {*this, acquire(std::forward<Arguments>(arguments)...)};
  }

  [[gnu::always_inline]] bool warm_up(std::size_t objects) noexcept {
    return blocks_.warm_up(objects, here());
  }
  std::size_t trim() noexcept {
    return blocks_.trim([](std::byte* block) { kept_object_at(block)->~T(); });
  }

  bool owns(const T* object) const noexcept { return blocks_.owns(object); }
  std::size_t in_use() const noexcept { return blocks_.in_use(); }
  std::size_t capacity() const noexcept { return blocks_.capacity(); }
  std::size_t limit() const noexcept { return blocks_.limit(); }
  std::size_t high_water_mark() const noexcept { return blocks_.high_water_mark(); }

 private:
  static T* object_at(void* block) noexcept { return std::launder(static_cast<T*>(block)); }
  // One that was constructed before, and free since then.
  static T* kept_object_at(void* block) noexcept {
    if (sanitizer::active()) [[unlikely]]
      sanitizer::open_defined(block, sizeof(T));
    return object_at(block);
  }

  struct Links {
    static void* next(void* block) noexcept {
      const sanitizer::Access access(&(object_at(block)->*kLink), sizeof(T*));
      return object_at(block)->*kLink;
    }
    static void set_next(void* block, void* next) noexcept {
      const sanitizer::Access access(&(object_at(block)->*kLink), sizeof(T*));
      object_at(block)->*kLink = static_cast<T*>(next);
    }
    static constexpr std::size_t opened(std::size_t /*block_size*/) noexcept { return sizeof(T); }
    static constexpr std::size_t closed(std::size_t block_size) noexcept { return block_size; }
  };

  BlockPool<Backing, Links> blocks_;
  [[no_unique_address]] Reset reset_;
};

}  // namespace weir
