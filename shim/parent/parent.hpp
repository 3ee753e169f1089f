// The parent allocator: jemalloc, linked in under other names and called directly.
//
// This header and its folder are the only place that knows jemalloc. Its malloc family keeps jemalloc's
// contracts: thread-safe, blocks aligned to 16 bytes where the size allows, nullptr and ENOMEM on failure,
// MALLOC_CONF and /etc/malloc.conf honoured. All its memory lies in heap_zone.
#pragma once

#include <cstddef>

extern "C" {
void* weir_je_malloc(std::size_t bytes) noexcept;
void* weir_je_calloc(std::size_t count, std::size_t bytes) noexcept;
void* weir_je_realloc(void* block, std::size_t bytes) noexcept;
void* weir_je_memalign(std::size_t alignment, std::size_t bytes) noexcept;
void weir_je_free(void* block) noexcept;
std::size_t weir_je_xallocx(void* block, std::size_t bytes, std::size_t extra, int flags) noexcept;
std::size_t weir_je_nallocx(std::size_t bytes, int flags) noexcept;
void weir_je_sdallocx(void* block, std::size_t bytes, int flags) noexcept;
std::size_t weir_je_malloc_usable_size(void* block) noexcept;
void weir_je_malloc_stats_print(void (*write)(void*, const char*), void* opaque,
                                const char* options) noexcept;
int weir_je_mallctl(const char* name, void* old, std::size_t* old_bytes, void* value,
                    std::size_t value_bytes) noexcept;
}

namespace weir {

// What malloc_usable_size says of a block of no bytes, as in glibc.
inline constexpr std::size_t kLeastUsable = 24;

}  // namespace weir

namespace weir::parent {

inline void* allocate(std::size_t bytes) noexcept {
  return weir_je_malloc(bytes);
}
inline void* allocate_zeroed(std::size_t bytes) noexcept {
  return weir_je_calloc(1, bytes);
}
inline void* allocate_aligned(std::size_t alignment, std::size_t bytes) noexcept {
  return weir_je_memalign(alignment, bytes);
}
// Grows or shrinks a block where it lies; false, and nothing has changed, where it cannot have the size that a
// new block of `bytes` would have.
inline bool resize(void* block, std::size_t bytes) noexcept {
  return weir_je_xallocx(block, bytes, 0, 0) == weir_je_nallocx(bytes, 0);
}
inline void deallocate(void* block) noexcept {
  weir_je_free(block);
}
// A block that moves takes no more memory with it than it had (copy_block). Neither nullptr nor 0 bytes.
void* reallocate(void* block, std::size_t bytes) noexcept;

// The caller knows the size that it asked for, with which jemalloc needs no look-up.
inline void deallocate_sized(void* block, std::size_t bytes) noexcept {
  weir_je_sdallocx(block, bytes, 0);
}

inline std::size_t usable_size(void* block) noexcept {
  return weir_je_malloc_usable_size(block);
}

// Before the first of these calls: what the parent itself calls of libc is libc's from then on, whoever stands in front.
void bind() noexcept;

// For mallinfo and malloc_info: bytes in use by the program, mapped, and resident.
struct Usage {
  std::size_t allocated, mapped, retained;
};
Usage usage() noexcept;

// Gives what is free back to the system (malloc_trim).
void trim() noexcept;

}  // namespace weir::parent
