#include "shim/watch/watched_heap.hpp"

#include <cerrno>

#include "shim/entry/new_handler.hpp"
#include "shim/entry/passed_heap.hpp"
#include "shim/guard/guarded_heap.hpp"
#include "shim/life/mode.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/track/tracked_heap.hpp"
#include "shim/watch/counted_heap.hpp"
#include "shim/watch/fail.hpp"
#include "shim/watch/watch.hpp"

#define WEIR_WATCHED __attribute__((noinline))

// Ends a function here as WEIR_DISPATCH ends an entry point.
#define WEIR_INNER(call)                                     \
  do {                                                       \
    if (counts_calls) return ::weir::counted::call;          \
    const Mode inner = mode();                               \
    if (inner == Mode::kPass) return ::weir::passed::call;   \
    if (inner == Mode::kRoute) return ::weir::routed::call;  \
    if (inner == Mode::kGuard) return ::weir::guarded::call; \
    return ::weir::tracked::call;                            \
  } while (false)

// Whether the request shall find no memory. First, so that the call site is the entry point's.
#define WEIR_REFUSED(kind, bytes, alignment) \
  __builtin_expect(watch_is_on&& refuses({CallKind::kind, bytes, alignment}, WEIR_CALL_SITE()), 0)

namespace weir::watched {
namespace {

void* fail() noexcept {
  errno = ENOMEM;
  return nullptr;
}

// The inner heaps without tracking have no operator new of their own.
[[gnu::always_inline]] inline void* plain_block(CallKind call, std::size_t bytes,
                                                std::uint64_t caller) noexcept {
  return mode() == Mode::kRoute ? routed::allocate(bytes, call, caller) : passed::malloc(bytes);
}
[[gnu::always_inline]] inline void* plain_block(CallKind call, std::size_t bytes, std::size_t alignment,
                                                std::uint64_t caller) noexcept {
  return mode() == Mode::kRoute ? routed::memalign_for(alignment, bytes, call, caller)
                                : passed::memalign(alignment, bytes);
}

bool has_plain_heap() noexcept {
  return mode() < Mode::kLeak;
}

}  // namespace

WEIR_WATCHED void* malloc(std::size_t bytes) {
  if (WEIR_REFUSED(kMalloc, bytes, kGranule)) return fail();
  WEIR_INNER(malloc(bytes));
}

// A product that overflows fails by itself.
WEIR_WATCHED void* calloc(std::size_t count, std::size_t bytes) {
  std::size_t total;
  const bool fits = !__builtin_mul_overflow(count, bytes, &total);
  if (fits && WEIR_REFUSED(kCalloc, total, kGranule)) return fail();
  WEIR_INNER(calloc(count, bytes));
}

// realloc(block, 0) frees.
WEIR_WATCHED void* realloc(void* block, std::size_t bytes) {
  const bool allocates = block == nullptr || bytes != 0;
  if (allocates && WEIR_REFUSED(kRealloc, bytes, kGranule)) return fail();
  WEIR_INNER(realloc(block, bytes));
}

WEIR_WATCHED void free(void* block) {
  WEIR_INNER(free(block));
}

// What only mode=guard tells from free.
#define WEIR_WATCHED_END(name, parameters, ...)                            \
  WEIR_WATCHED void name parameters {                                      \
    if (counts_calls) return ::weir::counted::name(__VA_ARGS__);           \
    if (mode() == Mode::kGuard) return ::weir::guarded::name(__VA_ARGS__); \
    WEIR_INNER(free(block));                                               \
  }
using Size = std::size_t;
WEIR_WATCHED_END(free_sized, (void* block, Size n), block, n)
WEIR_WATCHED_END(free_aligned_sized, (void* block, Size a, Size n), block, a, n)
WEIR_WATCHED_END(operator_delete, (void* block), block)
WEIR_WATCHED_END(operator_delete_sized, (void* block, Size n), block, n)
WEIR_WATCHED_END(operator_delete_aligned, (void* block, Size a), block, a)
WEIR_WATCHED_END(operator_delete_sized_aligned, (void* block, Size n, Size a), block, n, a)
WEIR_WATCHED_END(operator_delete_array, (void* block), block)
WEIR_WATCHED_END(operator_delete_array_sized, (void* block, Size n), block, n)
WEIR_WATCHED_END(operator_delete_array_aligned, (void* block, Size a), block, a)
WEIR_WATCHED_END(operator_delete_array_sized_aligned, (void* block, Size n, Size a), block, n, a)

WEIR_WATCHED void* memalign(std::size_t alignment, std::size_t bytes) {
  if (WEIR_REFUSED(kMemalign, bytes, alignment)) return fail();
  WEIR_INNER(memalign(alignment, bytes));
}

WEIR_WATCHED int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  if (WEIR_REFUSED(kMemalign, bytes, alignment)) {
    errno = ENOMEM;  // as glibc
    return ENOMEM;
  }
  WEIR_INNER(posix_memalign(out, alignment, bytes));
}

WEIR_WATCHED std::size_t usable_size(void* block) {
  WEIR_INNER(usable_size(block));
}

#define WEIR_WATCHED_NEW(name, kind, symbol)                                                     \
  WEIR_WATCHED void* name(std::size_t bytes) {                                                   \
    while (WEIR_REFUSED(kind, bytes, kGranule)) call_new_handler();                              \
    if (counts_calls) return counted::name(bytes);                                               \
    if (mode() == Mode::kGuard) return guarded::name(bytes);                                     \
    if (!has_plain_heap()) return tracked::name(bytes);                                          \
    for (;;) {                                                                                   \
      if (void* block = plain_block(CallKind::kind, bytes, WEIR_CALLER_ADDRESS())) return block; \
      call_new_handler();                                                                        \
    }                                                                                            \
  }                                                                                              \
  WEIR_WATCHED void* name##_nothrow(std::size_t bytes) {                                         \
    if (WEIR_REFUSED(kind, bytes, kGranule)) {                                                   \
      const RefusedAgain again;                                                                  \
      return retry_nothrow(symbol, bytes);                                                       \
    }                                                                                            \
    if (counts_calls) return counted::name##_nothrow(bytes);                                     \
    if (mode() == Mode::kGuard) return guarded::name##_nothrow(bytes);                           \
    if (!has_plain_heap()) return tracked::name##_nothrow(bytes);                                \
    void* block = plain_block(CallKind::kind, bytes, WEIR_CALLER_ADDRESS());                     \
    return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow(symbol, bytes);         \
  }
WEIR_WATCHED_NEW(operator_new, kNew, "_ZnwmRKSt9nothrow_t")
WEIR_WATCHED_NEW(operator_new_array, kNewArray, "_ZnamRKSt9nothrow_t")

#define WEIR_WATCHED_NEW_ALIGNED(name, kind, symbol)                                                        \
  WEIR_WATCHED void* name(std::size_t bytes, std::size_t alignment) {                                       \
    while (WEIR_REFUSED(kind, bytes, alignment)) call_new_handler();                                        \
    if (counts_calls) return counted::name(bytes, alignment);                                               \
    if (mode() == Mode::kGuard) return guarded::name(bytes, alignment);                                     \
    if (!has_plain_heap()) return tracked::name(bytes, alignment);                                          \
    for (;;) {                                                                                              \
      if (void* block = plain_block(CallKind::kind, bytes, alignment, WEIR_CALLER_ADDRESS())) return block; \
      call_new_handler();                                                                                   \
    }                                                                                                       \
  }                                                                                                         \
  WEIR_WATCHED void* name##_nothrow(std::size_t bytes, std::size_t alignment) {                             \
    if (WEIR_REFUSED(kind, bytes, alignment)) {                                                             \
      const RefusedAgain again;                                                                             \
      return retry_nothrow_aligned(symbol, bytes, alignment);                                               \
    }                                                                                                       \
    if (counts_calls) return counted::name##_nothrow(bytes, alignment);                                     \
    if (mode() == Mode::kGuard) return guarded::name##_nothrow(bytes, alignment);                           \
    if (!has_plain_heap()) return tracked::name##_nothrow(bytes, alignment);                                \
    void* block = plain_block(CallKind::kind, bytes, alignment, WEIR_CALLER_ADDRESS());                     \
    return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow_aligned(symbol, bytes, alignment); \
  }
WEIR_WATCHED_NEW_ALIGNED(operator_new_aligned, kNew, "_ZnwmSt11align_val_tRKSt9nothrow_t")
WEIR_WATCHED_NEW_ALIGNED(operator_new_array_aligned, kNewArray, "_ZnamSt11align_val_tRKSt9nothrow_t")

}  // namespace weir::watched
