// Keeps the live bytes within a budget, and single requests within a size. What is over answers nullptr.
//
// A handler, where one is given, hears of each refusal before it is the caller's: to log it, to drop caches for the next
// request, or, as kStopAtLimit, to end the process where the limit must hold and nobody is prepared for less.
//
// One compare and one addition a call, no memory. Not thread-safe. The budget is of bytes asked for, not of
// what the allocator below needs for them.
#pragma once

#include <cstdlib>

#include "wrapper.hpp"

namespace weir {

struct Limits {
  std::size_t live_bytes = SIZE_MAX;
  std::size_t request = SIZE_MAX;
};

// A request that a limit refused.
struct OverLimit {
  Layout layout;               // of the block as it should have become
  std::size_t more = 0;        // bytes that it would have added to the live ones
  std::size_t live_bytes = 0;  // as they are
  Limits limits;
  CallerAddress caller = nullptr;
};

// The handler must not use the allocator that calls it.
struct LimitHandler {
  void (*refused)(void* context, const OverLimit& request) noexcept = nullptr;
  void* context = nullptr;
};

inline constexpr LimitHandler kStopAtLimit{[](void*, const OverLimit&) noexcept { std::abort(); }};

template <Allocator A>
class Limiting : public Wrapper<A> {
 public:
  Limiting(A& below, Limits limits, LimitHandler handler = {}) noexcept
      : Wrapper<A>(below), limits_(limits), handler_(handler) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    if (!fits(0, layout, caller)) {
      return nullptr;
    }
    void* block = this->below_.allocate(layout, caller);
    if (block != nullptr) {
      live_bytes_ += layout.bytes;
    }
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    if (!fits(layout.bytes, layout.with_bytes(bytes), caller) ||
        !this->below_.resize(block, layout, bytes, caller)) {
      return false;
    }
    live_bytes_ = live_bytes_ - layout.bytes + bytes;
    return true;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const bool may = fits(layout.bytes, layout.with_bytes(bytes), caller);
    void* moved = may ? this->below_.remap(block, layout, bytes, caller) : nullptr;
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
  bool fits(std::size_t from, Layout wanted, CallerAddress caller) noexcept {
    const std::size_t to = wanted.bytes;
    if (to <= from || (to <= limits_.request && to - from <= remaining())) {
      return true;
    }
    ++refused_;
    if (handler_.refused != nullptr) {
      handler_.refused(handler_.context, {wanted, to - from, live_bytes_, limits_, caller});
    }
    return false;
  }

  Limits limits_;
  LimitHandler handler_;
  std::size_t live_bytes_ = 0;
  std::size_t refused_ = 0;
};

}  // namespace weir
