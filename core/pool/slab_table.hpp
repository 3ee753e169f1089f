// The newest slabs of a pool, for threads that want to know whose a block is without the pool's lock.
//
// update() is called under that lock whenever a block was carved or slabs were given back. find() knows nothing
// while the slabs change, nor of slabs older than the newest few: it then says so, and who asks takes the lock.
// What it does find is right. A block that is in use is found at once, as nearly all of them lie in the newest
// slabs, each as large as all before it. Allocates nothing.
//
// A sequence lock: the version is odd while the entries change. Each entry's words are stored with release and
// loaded with acquire, so that who sees a new word sees the new version, too.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../allocator.hpp"

namespace weir {

// Where a slab's blocks begin, and the index of the first of them; a begin of 0 is of none.
struct SlabPlace {
  std::uintptr_t begin = 0;
  std::size_t first_index = 0;
};

class SlabTable {
 public:
  SlabPlace find(const void* p) const noexcept {
    const std::uint64_t version = version_.load(std::memory_order_acquire);
    for (const Entry& entry : entries_) {
      const std::uintptr_t begin = entry.begin.load(std::memory_order_acquire);
      if (address_of(p) - begin < entry.carved.load(std::memory_order_acquire) - begin) {
        const SlabPlace place{begin, entry.first_index.load(std::memory_order_acquire)};
        return version % 2 == 0 && version_.load(std::memory_order_relaxed) == version ? place : SlabPlace{};
      }
    }
    return {};
  }

  template <typename Blocks>
  void update(const Blocks& blocks) noexcept {
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    const auto* slab = blocks.newest_slab();
    for (Entry& entry : entries_) {
      const SlabPlace place =
          slab == nullptr ? SlabPlace{} : SlabPlace{address_of(slab->begin), slab->first_index};
      if (place.begin != entry.begin.load(std::memory_order_relaxed) ||
          place.first_index != entry.first_index.load(std::memory_order_relaxed)) {
        version_.store(version | 1, std::memory_order_relaxed);
        entry.begin.store(place.begin, std::memory_order_release);
        entry.first_index.store(place.first_index, std::memory_order_release);
      }
      entry.carved.store(slab == nullptr ? 0 : address_of(slab->carved), std::memory_order_release);
      slab = slab == nullptr ? nullptr : slab->next;
    }
    if (version_.load(std::memory_order_relaxed) != version) {
      version_.store(version + 2, std::memory_order_release);
    }
  }

 private:
  struct Entry {
    std::atomic<std::uintptr_t> begin{0};
    std::atomic<std::uintptr_t> carved{0};
    std::atomic<std::size_t> first_index{0};
  };

  std::atomic<std::uint64_t> version_{0};
  std::array<Entry, 8> entries_;
};

}  // namespace weir
