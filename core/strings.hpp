// Copies of texts and arrays in memory of an allocator: what a request keeps of its input, say.
//
//   weir::Arena<> arena;
//   std::string_view path = weir::duplicate(arena, request.path());    // of exactly its size
//   std::span<int> ids = weir::duplicate(arena, std::span(input));     // any trivially copyable type
//   char* name = weir::duplicate_c_string(arena, path);                // with a zero behind
//   weir::deallocate_text(arena, path);                                // where it is not an arena's end
//
// No memory is an empty result whose data() is nullptr, or nullptr itself; nothing throws. The copy of an empty
// text has no bytes, but an address as every block, so the two can be told apart. Texts are aligned to 1 and
// have no zero behind unless it is said; arrays are aligned as their type. As thread-safe as the allocator.
// One allocation and a memcpy. core/format.hpp makes texts from values.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "allocator.hpp"
#include "typed.hpp"

namespace weir {

template <Allocator A, typename T, std::size_t kExtent>
requires std::is_trivially_copyable_v<T>
[[nodiscard, gnu::always_inline]] inline std::span<std::remove_const_t<T>> duplicate(
    A& allocator, std::span<T, kExtent> original) noexcept {
  using Element = std::remove_const_t<T>;
  const std::span<Element> copy = allocate_array<Element>(allocator, original.size());
  if (copy.data() != nullptr && !original.empty()) {
    std::memcpy(copy.data(), original.data(), original.size_bytes());
  }
  return copy;
}

template <Allocator A>
[[nodiscard, gnu::always_inline]] inline std::string_view duplicate(A& allocator,
                                                                    std::string_view original) noexcept {
  const std::span<char> copy = duplicate(allocator, std::span<const char>(original.data(), original.size()));
  return {copy.data(), copy.size()};
}

// One byte more than the text, which is zero. nullptr when there is no memory.
template <Allocator A>
[[nodiscard, gnu::always_inline]] inline char* duplicate_c_string(A& allocator,
                                                                  std::string_view original) noexcept {
  const std::span<char> copy = allocate_array<char>(allocator, original.size() + 1);
  if (copy.data() == nullptr) return nullptr;
  if (!original.empty()) std::memcpy(copy.data(), original.data(), original.size());
  copy.back() = '\0';
  return copy.data();
}

// For what duplicate() and format_to_new() gave; an empty result of theirs is left alone.
template <Allocator A>
[[gnu::always_inline]] inline void deallocate_text(A& allocator, std::string_view text) noexcept {
  deallocate_array(allocator, std::span<char>(const_cast<char*>(text.data()), text.size()));
}

// For what duplicate_c_string() gave, whose length is still the same. O(length).
template <Allocator A>
[[gnu::always_inline]] inline void deallocate_c_string(A& allocator, char* text) noexcept {
  if (text != nullptr) deallocate_array(allocator, std::span<char>(text, std::strlen(text) + 1));
}

}  // namespace weir
