// One lock around a stack of allocators: makes anything thread-safe, one call at a time.
//
// `Mutex` has lock() and unlock(): std::mutex, or SpinLock where a call is short and threads are few. What is
// asked of the stack in other ways than through this (counts, lists) is asked within with_lock.
#pragma once

#include <mutex>
#include <utility>

#include "../pool/spin_lock.hpp"
#include "wrapper.hpp"

namespace weir {

template <Allocator A, typename Mutex = std::mutex>
class Locked : public Wrapper<A> {
 public:
  explicit Locked(A& below) noexcept : Wrapper<A>(below) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    const std::lock_guard held(mutex_);
    return this->below_.allocate(layout, caller);
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const std::lock_guard held(mutex_);
    return this->below_.resize(block, layout, bytes, caller);
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const std::lock_guard held(mutex_);
    return this->below_.remap(block, layout, bytes, caller);
  }
  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    const std::lock_guard held(mutex_);
    this->below_.deallocate(block, layout, caller);
  }
  bool owns(const void* address) const noexcept {
    const std::lock_guard held(mutex_);
    return this->below_.owns(address);
  }
  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    const std::lock_guard held(mutex_);
    return this->below_.usable_size(block, layout);
  }

  template <typename F>
  decltype(auto) with_lock(F&& f) noexcept(noexcept(std::forward<F>(f)(std::declval<A&>()))) {
    const std::lock_guard held(mutex_);
    return std::forward<F>(f)(this->below_);
  }

 private:
  mutable Mutex mutex_;
};

}  // namespace weir
