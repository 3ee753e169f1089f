// Counts what goes through: calls, failures, live and total bytes, the peak.
//
// A few additions a call, no memory. Not thread-safe. The counts are exact as long as everything goes back
// through the wrapper; after the reset of an arena below, call forget_live().
#pragma once

#include "usage.hpp"
#include "wrapper.hpp"

namespace weir {

struct Counts : Usage {
  std::size_t failures = 0;  // allocate that answered nullptr
  std::size_t resizes = 0;   // that were granted
  std::size_t remaps = 0;
  std::size_t refusals = 0;  // resize or remap that were not
};

template <Allocator A>
class Counting : public Wrapper<A> {
 public:
  explicit Counting(A& below) noexcept : Wrapper<A>(below) {}

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    void* block = this->below_.allocate(layout, caller);
    if (block != nullptr) {
      counts_.allocated(layout.bytes);
    } else {
      ++counts_.failures;
    }
    return block;
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const bool done = this->below_.resize(block, layout, bytes, caller);
    count_change(done, counts_.resizes, layout.bytes, bytes);
    return done;
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    void* moved = this->below_.remap(block, layout, bytes, caller);
    count_change(moved != nullptr, counts_.remaps, layout.bytes, bytes);
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    counts_.freed(layout.bytes);
    this->below_.deallocate(block, layout, caller);
  }

  const Counts& counts() const noexcept { return counts_; }

  // All that is live is gone, by other ways than deallocate.
  void forget_live() noexcept {
    counts_.frees = counts_.allocations;
    counts_.live_bytes = 0;
  }

 private:
  void count_change(bool done, std::size_t& granted, std::size_t from, std::size_t to) noexcept {
    if (done) {
      ++granted;
      counts_.resized(from, to);
    } else {
      ++counts_.refusals;
    }
  }

  Counts counts_;
};

}  // namespace weir
