// What the tests of the pools stand on: the heap, with its blocks counted and checked,
// and failures on demand.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>

#include "core/allocator.hpp"

namespace weir::test {

class CountedHeap {
 public:
  ~CountedHeap() { EXPECT_TRUE(blocks_.empty()) << "slabs are left"; }

  void* allocate(Layout layout, CallerAddress caller) noexcept {
    const std::lock_guard guard(lock_);
    ++calls;
    last_caller = caller;
    if (layout.bytes > largest || layout.alignment > std::size_t{1} << 32) return nullptr;
    const int saved = errno;
    void* p = nullptr;
    ::posix_memalign(&p, std::max(layout.alignment, sizeof(void*)), std::max<std::size_t>(layout.bytes, 1));
    errno = saved;
    if (p == nullptr) return nullptr;
    blocks_[address_of(p)] = layout;
    bytes += layout.bytes;
    return p;
  }
  bool resize(void*, Layout layout, std::size_t n, CallerAddress) noexcept { return n == layout.bytes; }
  void* remap(void* p, Layout layout, std::size_t n, CallerAddress caller) noexcept {
    void* moved = allocate(layout.with_bytes(n), caller);
    if (moved != nullptr) {
      std::memcpy(moved, p, std::min(n, layout.bytes));
      deallocate(p, layout, caller);
    }
    return moved;
  }
  void deallocate(void* p, Layout layout, CallerAddress) noexcept {
    const std::lock_guard guard(lock_);
    const auto found = blocks_.find(address_of(p));
    ASSERT_NE(found, blocks_.end()) << "no block";
    EXPECT_EQ(found->second, layout) << "another layout than it was allocated with";
    bytes -= layout.bytes;
    blocks_.erase(found);
    std::free(p);
  }
  bool owns(const void* p) const noexcept {
    const std::lock_guard guard(lock_);
    const auto after = blocks_.upper_bound(address_of(p));
    if (after == blocks_.begin()) return false;
    const auto& [start, layout] = *std::prev(after);
    return address_of(p) - start < std::max<std::size_t>(layout.bytes, 1);
  }
  std::size_t usable_size(const void*, Layout layout) const noexcept { return layout.bytes; }

  std::size_t blocks() const { return blocks_.size(); }
  std::size_t bytes = 0;                       // live
  std::size_t calls = 0;                       // of allocate
  std::size_t largest = std::size_t{1} << 32;  // what is larger fails
  CallerAddress last_caller = nullptr;

 private:
  mutable std::mutex lock_;
  std::map<std::uintptr_t, Layout> blocks_;
};

static_assert(Allocator<CountedHeap>);

}  // namespace weir::test
