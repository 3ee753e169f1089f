// Two allocators in a row: the second one is asked when the first has nothing left.
//
// A block belongs to the one that owns() it, so the first must answer that exactly. remap moves a block to
// the second when the first cannot hold it any longer, and to the first when the second is exhausted.
// Thread-safe where both are; refers to both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "allocator.hpp"

namespace weir {

// An allocator that takes every address for its own says so by a member kOwnsEverything;
// it can only come last.
template <typename A>
concept KnowsItsBlocks = Allocator<A> && !requires {
  requires A::kOwnsEverything;
};

// A block of one allocator goes to another with its contents, or stays where it is.
template <Allocator From, Allocator To>
void* move_block(From& from, To& to, void* block, Layout layout, std::size_t bytes,
                 CallerAddress caller) noexcept {
  void* const moved = to.allocate(layout.with_bytes(bytes), caller);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, std::min(bytes, layout.bytes));
  from.deallocate(block, layout, caller);
  return moved;
}

template <KnowsItsBlocks Primary, Allocator Secondary>
class Fallback {
 public:
  constexpr Fallback(Primary& primary, Secondary& secondary) noexcept
      : primary_(primary), secondary_(secondary) {}
  Fallback(const Fallback&) = delete;
  Fallback& operator=(const Fallback&) = delete;

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    void* const block = primary_.allocate(layout, caller);
    return block != nullptr ? block : secondary_.allocate(layout, caller);
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return primary_.owns(block) ? primary_.resize(block, layout, bytes, caller)
                                : secondary_.resize(block, layout, bytes, caller);
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return primary_.owns(block) ? remap_or_move(primary_, secondary_, block, layout, bytes, caller)
                                : remap_or_move(secondary_, primary_, block, layout, bytes, caller);
  }

  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    if (primary_.owns(block)) {
      primary_.deallocate(block, layout, caller);
    } else {
      secondary_.deallocate(block, layout, caller);
    }
  }

  bool owns(const void* block) const noexcept { return primary_.owns(block) || secondary_.owns(block); }

  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return primary_.owns(block) ? primary_.usable_size(block, layout) : secondary_.usable_size(block, layout);
  }

 private:
  template <typename Here, typename There>
  static void* remap_or_move(Here& here, There& there, void* block, Layout layout, std::size_t bytes,
                             CallerAddress caller) noexcept {
    void* const moved = here.remap(block, layout, bytes, caller);
    return moved != nullptr ? moved : move_block(here, there, block, layout, bytes, caller);
  }

  Primary& primary_;
  Secondary& secondary_;
};

}  // namespace weir
