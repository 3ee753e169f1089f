// What every wrapper in this folder is: a type over one Allocator, that is an Allocator itself.
//
// It holds a reference to what is below, which must outlive it. Nothing is copied or moved, so blocks may
// remember their wrapper. None is thread-safe, unless what it adds is; Locked makes a stack so. A wrapper
// adds what its file says and a call that inlines away. Two of the same kind, one on the other, need the type
// spelt out (Counting<Counting<Arena>>): Counting(counting) would be a copy.
#pragma once

#include "../allocator.hpp"

namespace weir {

// What puts something in front of each block pads it to the alignment; beyond this one it refuses.
inline constexpr std::size_t kMostPadding = std::size_t{16} << 20;

// Passes everything on; a wrapper hides the operations that it has something to do in.
template <Allocator A>
class Wrapper {
 public:
  Wrapper(const Wrapper&) = delete;
  Wrapper& operator=(const Wrapper&) = delete;

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    return below_.allocate(layout, caller);
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return below_.resize(block, layout, bytes, caller);
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    return below_.remap(block, layout, bytes, caller);
  }
  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    below_.deallocate(block, layout, caller);
  }
  bool owns(const void* address) const noexcept { return below_.owns(address); }
  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    return below_.usable_size(block, layout);
  }

  A& below() noexcept { return below_; }

 protected:
  explicit Wrapper(A& below) noexcept : below_(below) {}
  ~Wrapper() = default;

  A& below_;
};

}  // namespace weir
