// Allocators for constant expressions: what a compiler works out may allocate, too.
//
//   ConstexprArena        objects and arrays of any type, given back all at once, by mark and rewind, or by reset;
//                         for what an evaluation needs on its way, and has given back at its end
//   ConstexprBuffer<T, N> N objects of one type in itself, one behind the other; a constexpr or constinit
//                         variable of it keeps what the compiler has put there, and the program reads it
//
//   constexpr int value_of(std::string_view text) {
//     weir::ConstexprArena arena;
//     return evaluate(parse(arena, text));              // weir::create<Node>(arena, ...) as on any arena
//   }
//   static_assert(value_of("2*(3+4)") == 14);
//
// create, destroy, allocate_array and deallocate_array of core/typed.hpp take a ConstexprArena as they take an
// Allocator, so that one function template serves the compiler with this and the program with Arena<>.
//
// What C++20 allows there, and what not:
// - Memory is of a type: `new T` in an evaluation that gives it back before it ends, or a member. There is no
//   way from bytes or void* to a T, nor from an address to a number; so BumpAllocator, FixedBuffer, Arena and
//   whatever else keeps the contract of core/allocator.hpp may be constinit, but can't allocate before the
//   program runs. For the same reason neither of these two is an Allocator.
// - What a ConstexprArena has allocated does not outlive the evaluation: a constexpr variable can't point there.
//   That is what ConstexprBuffer is for, whose T must be a literal type that can be made without arguments.
// - Elements of arrays are value-initialised, not just reserved: writing to what was not constructed is no
//   constant expression.
//
// Failure is nullptr or an empty span, as everywhere here. Both work at run time as well, where the arena calls
// operator new (and lets its std::bad_alloc through) for each block: Arena<> is for that. Not thread-safe.
// Allocations are O(1) and what the elements take, reset and rewind O(blocks).
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "typed.hpp"

namespace weir {

class ConstexprArena {
  struct Block {
    Block* older;
    std::size_t used_before;

    constexpr Block(Block* last, std::size_t used) noexcept : older(last), used_before(used) {}
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    constexpr virtual ~Block() = default;
  };
  template <typename T>
  struct One final : Block {
    T object;
    template <typename... Arguments>
    constexpr One(Block* last, std::size_t used, Arguments&&... arguments)
        : Block(last, used), object(std::forward<Arguments>(arguments)...) {}
    constexpr ~One() override = default;
  };
  template <typename T>
  struct Array final : Block {
    T* objects;
    std::size_t count;
    constexpr Array(Block* last, std::size_t used, std::size_t size)
        : Block(last, used), objects(new T[size]()), count(size) {}
    constexpr ~Array() override { delete[] objects; }
  };

 public:
  // A place to rewind to.
  class Mark {
    friend ConstexprArena;
    Block* last = nullptr;
  };

  // At most so many bytes of objects at once.
  constexpr explicit ConstexprArena(std::size_t limit = SIZE_MAX) noexcept : limit_(limit) {}
  ConstexprArena(const ConstexprArena&) = delete;
  ConstexprArena& operator=(const ConstexprArena&) = delete;
  constexpr ~ConstexprArena() { reset(); }

  template <typename T, typename... Arguments>
  constexpr T* create(Arguments&&... arguments) {
    if (sizeof(T) > limit_ - used_) return nullptr;
    auto* const block = new One<T>(last_, used_, std::forward<Arguments>(arguments)...);
    enter(block, sizeof(T));
    return &block->object;
  }

  template <typename T>
  constexpr std::span<T> allocate_array(std::size_t count) {
    if (count > (limit_ - used_) / sizeof(T)) return {};
    auto* const block = new Array<T>(last_, used_, count);
    enter(block, count * sizeof(T));
    return {block->objects, count};
  }

  constexpr Mark mark() const noexcept {
    Mark mark;
    mark.last = last_;
    return mark;
  }
  // Destroys what was allocated since, the last first. Marks nest.
  constexpr void rewind(Mark mark) noexcept {
    while (last_ != mark.last) {
      Block* const block = last_;
      last_ = block->older;
      used_ = block->used_before;
      delete block;
    }
  }
  constexpr void reset() noexcept { rewind(Mark()); }

  constexpr std::size_t used() const noexcept { return used_; }  // bytes of objects
  constexpr std::size_t peak() const noexcept { return peak_; }  // the most that they ever were

 private:
  constexpr void enter(Block* block, std::size_t bytes) noexcept {
    last_ = block;
    used_ += bytes;
    peak_ = std::max(peak_, used_);
  }

  Block* last_ = nullptr;
  std::size_t limit_;
  std::size_t used_ = 0;
  std::size_t peak_ = 0;
};

template <typename T, std::same_as<ConstexprArena> A, typename... Arguments>
constexpr T* create(A& arena, Arguments&&... arguments) {
  return arena.template create<T>(std::forward<Arguments>(arguments)...);
}
template <typename T, std::same_as<ConstexprArena> A>
constexpr std::span<T> allocate_array(A& arena, std::size_t count) {
  return arena.template allocate_array<T>(count);
}
// Single ones wait for rewind, reset or the end, as in any arena.
template <typename T, std::same_as<ConstexprArena> A>
constexpr void destroy(A& /*arena*/, T* /*object*/) noexcept {}
template <typename T, std::same_as<ConstexprArena> A>
constexpr void deallocate_array(A& /*arena*/, std::span<T> /*array*/) noexcept {}

template <typename T, std::size_t N>
requires std::default_initializable<T> && std::movable<T>
class ConstexprBuffer {
 public:
  constexpr ConstexprBuffer() = default;

  // Elements as T() makes them; an empty span without an address if there is no room.
  constexpr std::span<T> allocate(std::size_t count) {
    if (count > available()) return {};
    T* const first = items_ + end_;
    std::for_each(first, first + count, [](T& item) { item = T(); });
    move_end(end_ + count);
    return {first, count};
  }
  template <typename... Arguments>
  constexpr T* create(Arguments&&... arguments) {
    if (available() == 0) return nullptr;
    T* const item = items_ + end_;
    *item = T(std::forward<Arguments>(arguments)...);
    move_end(end_ + 1);
    return item;
  }

  // The last one grows and shrinks, others only shrink.
  constexpr bool resize(std::span<T>& array, std::size_t count) {
    if (!is_last(array)) {
      if (count > array.size()) return false;
    } else {
      if (count > array.size() && count - array.size() > available()) return false;
      for (std::size_t i = array.size(); i < count; ++i) array.data()[i] = T();
      move_end(end_ - array.size() + count);
    }
    array = {array.data(), count};
    return true;
  }
  // The last one is given back; others wait for reset.
  constexpr void deallocate(std::span<T> array) noexcept {
    if (is_last(array)) end_ -= array.size();
  }

  constexpr std::size_t mark() const noexcept { return end_; }
  constexpr void rewind(std::size_t mark) noexcept { end_ = mark; }
  constexpr void reset() noexcept { end_ = 0; }

  // What is allocated, in its order.
  constexpr std::span<const T> contents() const noexcept { return {items_, end_}; }
  constexpr std::size_t end_index() const noexcept { return end_; }
  constexpr std::size_t available() const noexcept { return N - end_; }
  constexpr std::size_t peak() const noexcept { return peak_; }
  static constexpr std::size_t capacity() noexcept { return N; }

 private:
  constexpr bool is_last(std::span<T> array) const noexcept {
    return array.data() != nullptr && array.size() <= end_ && array.data() == items_ + (end_ - array.size());
  }
  constexpr void move_end(std::size_t to) noexcept {
    end_ = to;
    peak_ = std::max(peak_, end_);
  }

  T items_[N]{};
  std::size_t end_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace weir
