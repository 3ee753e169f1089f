// The heap of mode=pass: the parent's own functions behind libc's rules, nothing in between but the question
// whose block it is. Inline: these are the entry points' bodies.
#pragma once

#include <cerrno>
#include <cstddef>

#include "shim/base/zones.hpp"
#include "shim/life/libc.hpp"
#include "shim/parent/parent.hpp"

namespace weir::passed {

// glibc aligns every block to 16 bytes; jemalloc aligns those of up to 8 bytes to 8. A block of no bytes has 24 that may
// be used in glibc, and programs take malloc_usable_size at its word.
inline std::size_t at_least(std::size_t bytes) noexcept {
  if (__builtin_expect(bytes >= 9, 1)) return bytes;
  return bytes != 0 ? 9 : kLeastUsable;
}

// jemalloc's realloc and memalign leave errno alone when they fail.
inline void* fail() noexcept {
  errno = ENOMEM;
  return nullptr;
}

inline void* malloc(std::size_t bytes) noexcept {
  return parent::allocate(at_least(bytes));
}

inline void* calloc(std::size_t count, std::size_t bytes) noexcept {
  std::size_t total;
  return __builtin_mul_overflow(count, bytes, &total) ? fail() : parent::allocate_zeroed(at_least(total));
}

__attribute__((noinline, cold)) inline void free_elsewhere(void* block) noexcept {
  if (block == nullptr) return;
  if (heap_zone.holds(block)) return parent::deallocate(block);
  libc::free_foreign(block);
}

inline void free(void* block) noexcept {
  if (heap_zone.has_in_place(block)) return parent::deallocate(block);
  return free_elsewhere(block);
}

inline void* realloc(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return malloc(bytes);
  if (!heap_zone.holds(block)) return libc::realloc_foreign(block, bytes);
  if (bytes != 0) {
    void* moved = parent::reallocate(block, at_least(bytes));
    return __builtin_expect(moved != nullptr, 1) ? moved : fail();
  }
  parent::deallocate(block);  // glibc frees and returns nullptr
  return nullptr;
}

inline void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  void* block = parent::allocate_aligned(alignment, at_least(bytes));
  return __builtin_expect(block != nullptr, 1) ? block : fail();
}

inline int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) noexcept {
  const int saved = errno;
  void* block = parent::allocate_aligned(alignment, at_least(bytes));
  errno = block == nullptr ? ENOMEM : saved;  // as glibc, which POSIX would have left alone
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

inline std::size_t usable_size(void* block) noexcept {
  if (block == nullptr) return 0;
  return heap_zone.holds(block) ? parent::usable_size(block) : libc::usable_size_foreign(block);
}

}  // namespace weir::passed
