// The contract that every allocator, combinator and wrapper in core/ keeps.
//
//   allocate    bytes and alignment in, a block or nullptr out
//   resize      another size at the same address, or false and nothing has changed
//   remap       another size at any address with the contents kept, or nullptr and nothing has changed
//   deallocate  the block with the layout that it has now
//   owns        whether an address lies in memory that this allocator handed out; exact for all that have an
//               address range of their own, the answer of the allocator below for those that don't
//   usable_size how much of a block may be written: at least what was asked for
//
// Rules that hold for each of them, held by one conformance suite (tests/unit/core):
// - Sizes are bytes. An alignment is any power of two; a stricter one than an allocator can give is
//   a failure.
// - A block of zero bytes has an address of its own that is not nullptr, and is given back like any other.
// - Failure is nullptr or false, and leaves everything as it was. errno is not touched. Sizes that overflow
//   fail. Nothing throws, nothing is printed.
// - The layout given to resize, remap and deallocate is the one of the last successful allocate, resize or
//   remap of that block.
// - The caller's address goes through every layer unchanged, so that an outer wrapper's caller is the one
//   that a report names.
// - Thread-safe only where a type says so. Allocators are not copied; a combinator holds a reference to what
//   it stands on unless it says that it owns it.
//
// The shape is that of Zig's std.mem.Allocator (alloc, resize, remap, free; alignment and return address in
// each), with owns() and usable_size() of Alexandrescu's composable allocators (CppCon 2015) added.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace weir {

// Where a request comes from: a return address, or nullptr when nobody asks.
using CallerAddress = const void*;

// The caller of the function that this stands in.
#define WEIR_CALLER() __builtin_return_address(0)

inline constexpr std::size_t kDefaultAlignment = alignof(std::max_align_t);

struct Layout {
  std::size_t bytes = 0;
  std::size_t alignment = kDefaultAlignment;

  template <typename T>
  static constexpr Layout of(std::size_t count = 1) noexcept {
    return {count <= SIZE_MAX / sizeof(T) ? count * sizeof(T) : SIZE_MAX, alignof(T)};
  }

  constexpr Layout with_bytes(std::size_t other) const noexcept { return {other, alignment}; }
  friend constexpr bool operator==(const Layout&, const Layout&) = default;
};

template <typename A>
concept Allocator = requires(A& a, const A& constant, void* block, Layout layout, CallerAddress caller) {
  { a.allocate(layout, caller) }
  noexcept->std::same_as<void*>;
  { a.resize(block, layout, std::size_t{}, caller) }
  noexcept->std::same_as<bool>;
  { a.remap(block, layout, std::size_t{}, caller) }
  noexcept->std::same_as<void*>;
  { a.deallocate(block, layout, caller) }
  noexcept->std::same_as<void>;
  { constant.owns(static_cast<const void*>(block)) }
  noexcept->std::same_as<bool>;
  { constant.usable_size(static_cast<const void*>(block), layout) }
  noexcept->std::same_as<std::size_t>;
};

// Address arithmetic that all of them need. `alignment` is a power of two.
constexpr std::uintptr_t align_up(std::uintptr_t address, std::size_t alignment) noexcept {
  return (address + (alignment - 1)) & ~std::uintptr_t{alignment - 1};
}

constexpr bool is_aligned(std::uintptr_t address, std::size_t alignment) noexcept {
  return (address & (alignment - 1)) == 0;
}

inline std::uintptr_t address_of(const void* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p);
}

// remap() for those that cannot do better: in place, or else to a new block of the same allocator.
template <Allocator A>
void* remap_by_copy(A& allocator, void* block, Layout layout, std::size_t bytes,
                    CallerAddress caller) noexcept {
  if (allocator.resize(block, layout, bytes, caller)) return block;
  void* const moved = allocator.allocate(layout.with_bytes(bytes), caller);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, bytes < layout.bytes ? bytes : layout.bytes);
  allocator.deallocate(block, layout, caller);
  return moved;
}

}  // namespace weir
