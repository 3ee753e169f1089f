// Keeps the live bytes within a budget, and single requests within a size. What is over answers nullptr.
//
// One compare and one addition a call, no memory. Not thread-safe. The budget is of bytes asked for, not of
// what the allocator below needs for them.
#pragma once

#include "wrapper.hpp"

namespace weir {

struct Limits {
  std::size_t live_bytes = SIZE_MAX;
  std::size_t request = SIZE_MAX;
};

template <Allocator A>
class Limiting : public Wrapper<A> {
 public:
  Limiting(A& below, Limits limits) noexcept : Wrapper<A>(below), limits_(limits) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    if (!fits(0, layout.bytes)) {
      return nullptr;
    }
    void* block = this->below_.allocate(layout, caller);
    if (block != nullptr) {
      live_bytes_ += layout.bytes;
    }
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    if (!fits(layout.bytes, bytes) || !this->below_.resize(block, layout, bytes, caller)) {
      return false;
    }
    live_bytes_ = live_bytes_ - layout.bytes + bytes;
    return true;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    void* moved = fits(layout.bytes, bytes) ? this->below_.remap(block, layout, bytes, caller) : nullptr;
    if (moved != nullptr) {
      live_bytes_ = live_bytes_ - layout.bytes + bytes;
    }
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    live_bytes_ -= layout.bytes;
    this->below_.deallocate(block, layout, caller);
  }

  std::size_t live_bytes() const noexcept { return live_bytes_; }
  std::size_t remaining() const noexcept {
    return limits_.live_bytes > live_bytes_ ? limits_.live_bytes - live_bytes_ : 0;
  }
  // Times that a limit was the reason; the allocator below was not asked.
  std::size_t refused() const noexcept { return refused_; }

  // A smaller budget than what is live lets nothing through until enough was given back.
  void set_limits(Limits limits) noexcept { limits_ = limits; }

  // All that is live is gone, by other ways than deallocate.
  void forget_live() noexcept { live_bytes_ = 0; }

 private:
  bool fits(std::size_t from, std::size_t to) noexcept {
    if (to <= from || (to <= limits_.request && to - from <= remaining())) {
      return true;
    }
    ++refused_;
    return false;
  }

  Limits limits_;
  std::size_t live_bytes_ = 0;
  std::size_t refused_ = 0;
};

}  // namespace weir
