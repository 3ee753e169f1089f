// Fails on purpose, so that a test reaches what a program does without memory.
//
// A plan says which requests fail: all from a number on, a few from there, every n-th, or by chance with a
// seed. A test that counts the requests of a good run and then fails each of them once has seen every way out
// (Zix does so). Constant time, no memory, not thread-safe.
#pragma once

#include "random.hpp"
#include "wrapper.hpp"

namespace weir {

struct FailurePlan {
  std::size_t after = SIZE_MAX;  // so many requests pass, then they fail...
  std::size_t times = SIZE_MAX;  // ...at most so many times
  std::size_t every = 0;         // every n-th request fails; 0: none
  double probability = 0;        // of each request to fail
  std::uint64_t seed = 1;
  bool resize_too = false;  // resize and remap are requests as well; else they pass
};

template <Allocator A>
class Failing : public Wrapper<A> {
 public:
  Failing(A& below, FailurePlan plan) noexcept : Wrapper<A>(below) { restart(plan); }

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    return fails() ? nullptr : this->below_.allocate(layout, caller);
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return !(plan_.resize_too && fails()) && this->below_.resize(block, layout, bytes, caller);
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return plan_.resize_too && fails() ? nullptr : this->below_.remap(block, layout, bytes, caller);
  }

  // Begins to count anew.
  void restart(FailurePlan plan) noexcept {
    plan_ = plan;
    random_ = SplitMix64(plan.seed);
    requests_ = 0;
    after_failed_ = 0;
    induced_ = 0;
  }

  std::size_t requests() const noexcept { return requests_; }
  std::size_t induced() const noexcept { return induced_; }
  bool has_induced_failure() const noexcept { return induced_ != 0; }

 private:
  bool fails() noexcept {
    const std::size_t number = requests_++;
    bool failure = false;
    if (number >= plan_.after && after_failed_ < plan_.times) {
      ++after_failed_;
      failure = true;
    }
    failure = failure || (plan_.every != 0 && (number + 1) % plan_.every == 0);
    failure = (plan_.probability > 0 && random_.fraction() < plan_.probability) || failure;
    induced_ += failure;
    return failure;
  }

  FailurePlan plan_;
  SplitMix64 random_{0};
  std::size_t requests_ = 0;
  std::size_t after_failed_ = 0;
  std::size_t induced_ = 0;
};

}  // namespace weir
