// An allocator of all sizes: small ones from a BlockPool for each size class, larger ones from the backing.
//
//   TieredPool pool(page_allocator);
//
// - Not thread-safe. Lazy: a class takes memory when its first block is asked for.
// - Classes are multiples of 16 bytes up to 128, then four for each doubling (160, 192, 224, 256, 320...),
//   so that above 128 bytes at most a fifth of a block is unused. Blocks of a class are aligned to the
//   largest power of two that divides it, up to a page:
//   a stricter alignment takes the next class that has it.
// - resize stays in the class, or with the backing; remap moves between classes by copying.
// - All are O(1) but owns, which asks each class. The layout says where a block is: nothing is looked up.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "allocator.hpp"
#include "pool/block_pool.hpp"

namespace weir {

// The geometry: sizes that belong together. Class 0 is the smallest.
struct SizeClasses {
  static constexpr std::size_t kStep = 16;
  static constexpr std::size_t kLinear = 8;  // classes a step apart
  static constexpr std::size_t kMostAlignment = 4096;

  static constexpr std::size_t bytes_of(std::size_t size_class) noexcept {
    if (size_class < kLinear) {
      return (size_class + 1) * kStep;
    }
    const std::size_t past = size_class - kLinear;
    return (past % 4 + 5) << (past / 4 + 5);
  }

  static constexpr std::size_t alignment_of(std::size_t size_class) noexcept {
    const std::size_t bytes = bytes_of(size_class);
    return std::min(bytes & (~bytes + 1), kMostAlignment);
  }

  // The smallest class that holds so many bytes.
  static constexpr std::size_t of(std::size_t bytes) noexcept;

  // The smallest one that also has the alignment, which is not above kMostAlignment.
  static constexpr std::size_t of(Layout layout) noexcept {
    if (layout.alignment <= kStep) [[likely]] {
      return of(layout.bytes);
    }
    std::size_t size_class = of(std::max(layout.bytes, layout.alignment));
    while (alignment_of(size_class) < layout.alignment) {
      ++size_class;
    }
    return size_class;
  }

  static constexpr std::size_t computed(std::size_t bytes) noexcept {
    if (bytes <= kLinear * kStep) {
      return bytes == 0 ? 0 : (bytes - 1) / kStep;
    }
    const auto width = static_cast<std::size_t>(std::bit_width(bytes - 1));
    return kLinear + (width - 8) * 4 + (((bytes - 1) >> (width - 3)) - 4);
  }

  // Small sizes are looked up: the bit scan alone takes as long as the rest of an allocation.
  static constexpr std::size_t kListed = 1024;
  using List = std::array<std::uint8_t, kListed / kStep + 1>;
};

inline constexpr SizeClasses::List kSizeClassList = [] {
  SizeClasses::List list{};
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i] = static_cast<std::uint8_t>(SizeClasses::computed(i * SizeClasses::kStep));
  }
  return list;
}();

constexpr std::size_t SizeClasses::of(std::size_t bytes) noexcept {
  return bytes <= kListed ? kSizeClassList[(bytes + kStep - 1) / kStep] : computed(bytes);
}

// kLimit: the largest block of a class, a size that is a class.
template <Allocator Backing, std::size_t kLimit = 32768>
class TieredPool {
 public:
  static constexpr std::size_t kTiers = SizeClasses::of(kLimit) + 1;
  static_assert(SizeClasses::bytes_of(kTiers - 1) == kLimit);
  using Tier = BlockPool<Backing>;

  explicit TieredPool(Backing& backing, BlockPoolOptions options = {.first_slab = 16384}) noexcept
      : TieredPool(backing, options, std::make_index_sequence<kTiers>()) {}
  TieredPool(const TieredPool&) = delete;
  TieredPool& operator=(const TieredPool&) = delete;

  void* allocate(Layout layout, CallerAddress caller) noexcept {
    const std::size_t tier = tier_of(layout);
    return tier != kTiers ? tiers_[tier].acquire(caller) : backing_.allocate(layout, caller);
  }

  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller) noexcept {
    const std::size_t tier = tier_of(layout);
    return tier == tier_of(layout.with_bytes(bytes)) &&
           (tier != kTiers || backing_.resize(block, layout, bytes, caller));
  }

  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller) noexcept {
    const Layout wanted = layout.with_bytes(bytes);
    const std::size_t from = tier_of(layout);
    if (from == tier_of(wanted)) {
      return from != kTiers ? block : backing_.remap(block, layout, bytes, caller);
    }
    void* moved = allocate(wanted, caller);
    if (moved != nullptr) {
      std::memcpy(moved, block, std::min(layout.bytes, bytes));
      deallocate(block, layout, caller);
    }
    return moved;
  }

  void deallocate(void* block, Layout layout, CallerAddress caller) noexcept {
    const std::size_t tier = tier_of(layout);
    if (tier != kTiers) [[likely]] {
      tiers_[tier].release(block);
    } else {
      backing_.deallocate(block, layout, caller);
    }
  }

  // Exact for blocks of a class; what the backing says for others.
  bool owns(const void* p) const noexcept {
    for (const Tier& tier : tiers_) {
      if (tier.spans(p)) {
        return tier.owns(p);
      }
    }
    return std::as_const(backing_).owns(p);
  }
  std::size_t usable_size(const void* block, Layout layout) const noexcept {
    const std::size_t tier = tier_of(layout);
    return tier != kTiers ? SizeClasses::bytes_of(tier) : std::as_const(backing_).usable_size(block, layout);
  }

  // Memory for this many more blocks of a layout.
  bool warm_up(Layout layout, std::size_t blocks, CallerAddress caller = nullptr) noexcept {
    const std::size_t tier = tier_of(layout);
    return tier != kTiers && tiers_[tier].warm_up(blocks, caller);
  }

  // Gives back the slabs of all classes that have no block in use. Returns their bytes.
  std::size_t trim() noexcept {
    std::size_t bytes = 0;
    for (Tier& tier : tiers_) {
      bytes += tier.trim();
    }
    return bytes;
  }

  // The class that serves a layout, or kTiers where the backing allocator does.
  static constexpr std::size_t tier_of(Layout layout) noexcept {
    if (layout.bytes > kLimit || layout.alignment > std::min(kLimit, SizeClasses::kMostAlignment))
        [[unlikely]] {
      return kTiers;
    }
    return std::min(SizeClasses::of(layout), kTiers);
  }
  const Tier& tier(std::size_t index) const noexcept { return tiers_[index]; }

 private:
  template <std::size_t... kIndex>
  TieredPool(Backing& backing, BlockPoolOptions options, std::index_sequence<kIndex...>) noexcept
      : backing_(backing),
        tiers_{
            Tier(backing, {SizeClasses::bytes_of(kIndex), SizeClasses::alignment_of(kIndex)}, options)...} {}

  Backing& backing_;
  std::array<Tier, kTiers> tiers_;
};

}  // namespace weir
