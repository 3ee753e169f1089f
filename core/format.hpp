// Texts made from values, in memory of an allocator:
//
//   std::string_view line = weir::format_to_new(arena, "user {} has {} items", name, count);
//
// Needs {fmt} (libfmt-dev; link with -lfmt), which no other header here does. The format string is checked by
// the compiler.
//
// - Exactly the text's bytes are allocated, once, aligned to 1, with no zero behind; nothing else is, as long as
//   {fmt} itself needs no more than it has on the stack. Up to 512 bytes are formatted once, longer texts twice.
// - No memory is an empty result whose data() is nullptr, not an exception. An empty text has an address.
// - What a formatter throws goes through (fmt::format_error of a width given at run time, say), and the memory
//   is given back.
// - As thread-safe as the allocator. deallocate_text() of core/strings.hpp gives a single one back.
#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "allocator.hpp"
#include "strings.hpp"
#include "typed.hpp"

namespace weir {

template <Allocator A, typename... Arguments>
[[nodiscard]] std::string_view format_to_new(A& allocator, fmt::format_string<Arguments...> format,
                                             Arguments&&... arguments) {
  constexpr std::size_t kAtOnce = 512;
  char first[kAtOnce];
  const fmt::string_view text_with_places = format;
  const std::size_t size =
      fmt::vformat_to_n(first, kAtOnce, text_with_places, fmt::make_format_args(arguments...)).size;
  void* const block = allocator.allocate(Layout::of<char>(size), WEIR_CALLER());
  if (block == nullptr) return {};
  if (size <= kAtOnce) {
    std::memcpy(block, first, size);
    return {static_cast<char*>(block), size};
  }
  struct Held {  // until the text is there
    A& allocator;
    std::span<char> text;
    ~Held() { deallocate_array(allocator, text); }
  };
  Held held{allocator, {static_cast<char*>(block), size}};
  fmt::vformat_to_n(held.text.data(), size, text_with_places, fmt::make_format_args(arguments...));
  const std::span<char> text = std::exchange(held.text, {});
  return {text.data(), text.size()};
}

}  // namespace weir
