// The heap of mode=pass: the parent's own functions behind libc's rules, nothing in between but the question
// whose block it is. Inline: these are the entry points' bodies.
#pragma once

#include <cerrno>
#include <cstddef>

#include "shim/base/zones.hpp"
#include "shim/life/libc.hpp"
#include "shim/parent/parent.hpp"

namespace weir::passed {

inline void* malloc(std::size_t bytes) noexcept {
  return parent::allocate(bytes);
}

inline void free(void* block) noexcept {
  if (__builtin_expect(heap_zone.holds(block), 1)) return parent::deallocate(block);
  if (block != nullptr) libc::free_foreign(block);
}

inline void* realloc(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return parent::allocate(bytes);
  if (!heap_zone.holds(block)) return libc::realloc_foreign(block, bytes);
  if (bytes != 0) return parent::reallocate(block, bytes);
  parent::deallocate(block);  // glibc frees and returns nullptr
  return nullptr;
}

inline void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return parent::allocate_aligned(alignment, bytes);
}

inline int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) noexcept {
  const int saved = errno;
  void* block = parent::allocate_aligned(alignment, bytes);
  errno = saved;
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

inline std::size_t usable_size(void* block) noexcept {
  if (block == nullptr) return 0;
  return heap_zone.holds(block) ? parent::usable_size(block) : libc::usable_size_foreign(block);
}

}  // namespace weir::passed
