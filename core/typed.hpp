// Objects and arrays on any allocator, as free functions: create and destroy, allocate_array and its undoing.
//
// Failure is nullptr or an empty span. The caller that an allocator is told is the place where the function
// stands in the program. A constructor that throws gives the block back.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

#include "allocator.hpp"

namespace weir {

// The address of the code that this stands in; behind an inlined call, that of the call.
[[gnu::always_inline]] inline CallerAddress here() noexcept {
#if defined(__x86_64__)
  CallerAddress address;
  __asm__("lea (%%rip), %0" : "=r"(address));
  return address;
#elif defined(__aarch64__)
  CallerAddress address;
  __asm__("adr %0, ." : "=r"(address));
  return address;
#else
  return WEIR_CALLER();
#endif
}

template <typename T, Allocator A, typename... Arguments>
[[gnu::always_inline]] inline T* create(A& allocator, Arguments&&... arguments) {
  struct Held {  // until the object is there
    A& allocator;
    void* block;
    CallerAddress caller;
    ~Held() {
      if (block != nullptr) allocator.deallocate(block, Layout::of<T>(), caller);
    }
  };
  const CallerAddress caller = here();
  Held held{allocator, allocator.allocate(Layout::of<T>(), caller), caller};
  if (held.block == nullptr) return nullptr;
  T* const object = ::new (held.block) T(std::forward<Arguments>(arguments)...);
  held.block = nullptr;
  return object;
}

template <typename T, Allocator A>
[[gnu::always_inline]] inline void destroy(A& allocator, T* object) noexcept {
  if (object == nullptr) return;
  std::destroy_at(object);
  allocator.deallocate(object, Layout::of<T>(), here());
}

// Memory for `count` objects that the caller constructs; trivial ones may just be written.
template <typename T, Allocator A>
[[gnu::always_inline]] inline std::span<T> allocate_array(A& allocator, std::size_t count) noexcept {
  void* const block = allocator.allocate(Layout::of<T>(count), here());
  return block == nullptr ? std::span<T>() : std::span<T>(static_cast<T*>(block), count);
}

template <typename T, Allocator A>
[[gnu::always_inline]] inline void deallocate_array(A& allocator, std::span<T> array) noexcept {
  if (array.data() != nullptr) allocator.deallocate(array.data(), Layout::of<T>(array.size()), here());
}

// Another length, perhaps elsewhere, with the contents kept;
// an empty span, and the array as it was, on failure.
template <typename T, Allocator A>
requires std::is_trivially_copyable_v<T>
[[gnu::always_inline]] inline std::span<T> remap_array(A& allocator, std::span<T> array,
                                                       std::size_t count) noexcept {
  const std::size_t bytes = Layout::of<T>(count).bytes;
  void* const block = allocator.remap(array.data(), Layout::of<T>(array.size()), bytes, here());
  return block == nullptr ? std::span<T>() : std::span<T>(static_cast<T*>(block), count);
}

}  // namespace weir
