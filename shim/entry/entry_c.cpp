// malloc and its family as C, POSIX, GNU and old binaries know them. This file alone knows libc's rules for
// arguments (sizes, alignments, errno); the work is in one of the heaps of heaps.hpp.
//
// Each function ends in a tail call, so that what it calls sees the program as its caller.
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "core/pages.hpp"
#include "shim/entry/entry.hpp"
#include "shim/entry/heaps.hpp"

using namespace weir;

namespace {

void* fail(int error) noexcept {
  errno = error;
  return nullptr;
}

bool is_power_of_two(std::size_t n) noexcept {
  return n != 0 && (n & (n - 1)) == 0;
}

// glibc's memalign takes any alignment and rounds it up; false for one that cannot be.
bool fix_alignment(std::size_t& alignment) noexcept {
  if (alignment > SIZE_MAX / 2 + 1) return false;
  if (alignment < alignof(std::max_align_t)) alignment = alignof(std::max_align_t);
  if (!is_power_of_two(alignment)) alignment = std::size_t{1} << (64 - __builtin_clzll(alignment));
  return true;
}

}  // namespace

// mode=guard may report it.
#define WEIR_ODD_ALIGNMENT(call) \
  if (__builtin_expect(!is_power_of_two(alignment), 0) && mode() == Mode::kGuard) return guarded::call

WEIR_EXPORT void* malloc(std::size_t bytes) {
  WEIR_ENTER(malloc, bytes);
  WEIR_DISPATCH(malloc(bytes));
}

WEIR_EXPORT void free(void* block) {
  WEIR_ENTER(free, block);
  WEIR_DISPATCH(free(block));
}

WEIR_EXPORT void* calloc(std::size_t count, std::size_t bytes) {
  WEIR_ENTER(calloc, count, bytes);
  WEIR_DISPATCH(calloc(count, bytes));
}

WEIR_EXPORT void* realloc(void* block, std::size_t bytes) {
  WEIR_ENTER(realloc, block, bytes);
  WEIR_DISPATCH(realloc(block, bytes));
}

WEIR_EXPORT void* reallocarray(void* block, std::size_t count, std::size_t bytes) {
  WEIR_ENTER(reallocarray, block, count, bytes);
  std::size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) {
    return mode() == Mode::kGuard ? guarded::calloc_too_big(count, bytes) : fail(ENOMEM);
  }
  WEIR_DISPATCH(realloc(block, total));
}

WEIR_EXPORT void* memalign(std::size_t alignment, std::size_t bytes) {
  WEIR_ENTER(memalign, alignment, bytes);
  WEIR_ODD_ALIGNMENT(memalign_odd(alignment, bytes));
  if (!fix_alignment(alignment)) return fail(EINVAL);
  WEIR_DISPATCH(memalign(alignment, bytes));
}

WEIR_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  WEIR_ENTER(aligned_alloc, alignment, bytes);
  WEIR_ODD_ALIGNMENT(memalign_odd(alignment, bytes));
  if (!fix_alignment(alignment)) return fail(EINVAL);
  WEIR_DISPATCH(memalign(alignment, bytes));
}

WEIR_EXPORT int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  WEIR_ENTER(posix_memalign, out, alignment, bytes);
  WEIR_ODD_ALIGNMENT(posix_memalign_odd(alignment));
  if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  WEIR_DISPATCH(posix_memalign(out, alignment, bytes));
}

WEIR_EXPORT void* valloc(std::size_t bytes) {
  WEIR_ENTER(valloc, bytes);
  WEIR_DISPATCH(memalign(kPageSize, bytes));
}

WEIR_EXPORT void* pvalloc(std::size_t bytes) {
  WEIR_ENTER(pvalloc, bytes);
  if (bytes > PTRDIFF_MAX) return fail(ENOMEM);
  bytes = round_up(bytes, kPageSize);
  WEIR_DISPATCH(memalign(kPageSize, bytes));
}

WEIR_EXPORT std::size_t malloc_usable_size(void* block) {
  WEIR_ENTER(malloc_usable_size, block);
  WEIR_DISPATCH(usable_size(block));
}

WEIR_EXPORT void cfree(void* block) {
  WEIR_ENTER(free, block);
  WEIR_DISPATCH(free(block));
}

WEIR_EXPORT void free_sized(void* block, std::size_t bytes) {
  WEIR_ENTER(free_sized, block, bytes);
  WEIR_DISPATCH_GUARDED(free(block), free_sized(block, bytes));
}

WEIR_EXPORT void free_aligned_sized(void* block, std::size_t alignment, std::size_t bytes) {
  WEIR_ENTER(free_aligned_sized, block, alignment, bytes);
  WEIR_DISPATCH_GUARDED(free(block), free_aligned_sized(block, alignment, bytes));
}

// The names under the names, bound by old binaries and by libraries that wrap malloc themselves.
#if __has_attribute(copy)
#define WEIR_ALIAS(name, of) __attribute__((visibility("default"), alias(#of), copy(of)))
#else
#define WEIR_ALIAS(name, of) __attribute__((visibility("default"), alias(#of)))
#endif
extern "C" {
WEIR_ALIAS(__libc_malloc, malloc) void* __libc_malloc(std::size_t);
WEIR_ALIAS(__libc_free, free) void __libc_free(void*);
WEIR_ALIAS(__libc_cfree, free) void __libc_cfree(void*);
WEIR_ALIAS(__libc_calloc, calloc) void* __libc_calloc(std::size_t, std::size_t);
WEIR_ALIAS(__libc_realloc, realloc) void* __libc_realloc(void*, std::size_t);
WEIR_ALIAS(__libc_memalign, memalign) void* __libc_memalign(std::size_t, std::size_t);
WEIR_ALIAS(__libc_valloc, valloc) void* __libc_valloc(std::size_t);
WEIR_ALIAS(__libc_pvalloc, pvalloc) void* __libc_pvalloc(std::size_t);
WEIR_ALIAS(__posix_memalign, posix_memalign) int __posix_memalign(void**, std::size_t, std::size_t);
}
