// memcpy for realloc: of a large block that was hardly touched, as arrays that are indexed by something sparse are, the
// copy takes no more memory than the original. (glibc moves such blocks' pages instead; the parent's large blocks begin
// at different places in their pages.)
//
// Untouched pages are neither read, which makes some kernels give memory to them, nor written. Which they are the kernel
// tells (/proc/self/pagemap); where it does not, all is copied. The ranges may not overlap. Async-signal-safe.
#pragma once

#include <cstddef>
#include <cstring>

namespace weir {

void copy_touched(void* to, const void* from, std::size_t bytes) noexcept;

inline void copy_block(void* to, const void* from, std::size_t bytes) noexcept {
  constexpr std::size_t kLarge = std::size_t{1} << 20;  // from here on asking costs a few percent of copying
  if (__builtin_expect(bytes < kLarge, 1)) {
    std::memcpy(to, from, bytes);
  } else {
    copy_touched(to, from, bytes);
  }
}

}  // namespace weir
