// What each target of a rule does with a request: the allocators behind the routes, one function each.
//
// For slow paths: `cache` is the calling thread's, or nullptr at a thread's end and in a signal handler that
// interrupts a slow path; then the parent serves. `total` has in it what tracking adds. nullptr on failure;
// errno is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/entry/passed_heap.hpp"
#include "shim/route/routed_heap.hpp"

namespace weir::routed {

// What the unit is part of; kNoKind for addresses that were never handed out.
inline std::uint16_t kind_of(UnitIndex unit) noexcept {
  if (!is_mapped_unit(unit)) return kNoKind;
  const std::uint16_t kind = tag_of(unit).kind();
  return kind == kFreeKind ? std::uint16_t{kNoKind} : kind;
}

// Marks the thread as inside a slow path while it lives.
class Working {
 public:
  explicit Working(ThreadCache* c) noexcept : cache_(c) {
    if (cache_ != nullptr) cache_->working = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  ~Working() {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (cache_ == nullptr) return;
    cache_->working = false;
    if (__builtin_expect(cache_->deferred != nullptr, 0)) free_deferred();
  }
  Working(const Working&) = delete;
  Working& operator=(const Working&) = delete;

 private:
  __attribute__((noinline, cold)) void free_deferred() noexcept {
    void* block = __atomic_exchange_n(&cache_->deferred, nullptr, __ATOMIC_RELAXED);
    while (block != nullptr) {
      void* const next = next_of(block);
      deallocate_slowly(block);
      block = next;
    }
  }

  ThreadCache* cache_;
};

void* from_parent(std::size_t total, std::size_t alignment, bool zero) noexcept;

// The route has no room: as its `full` says.
void* when_full(unsigned rule, std::size_t total, std::size_t alignment, bool zero) noexcept;

// Fills an empty bin and takes the first block.
void* refill(ThreadCache* cache, BinIndex index) noexcept;

// Lets the bin hold more from now on; false when it holds as much as it may.
bool grow_bin(ThreadCache* cache, BinIndex index, unsigned by) noexcept;

// From the rule's target, or from the parent where the target is not for such sizes.
void* allocate_by(ThreadCache* cache, unsigned rule, std::size_t total, std::size_t alignment,
                  bool zero) noexcept;

}  // namespace weir::routed
