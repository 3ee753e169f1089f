// The 20 replaceable operators of C++. Replaced too because libstdc++'s own would each add a call (4 to 5 %
// on programs that live on new and delete), and because only here a block's family can be seen.
#include <cstddef>
#include <cstdlib>

#include "shim/entry/entry.hpp"
#include "shim/entry/heaps.hpp"
#include "shim/entry/new_handler.hpp"

using namespace weir;

namespace {

// What the operators of one of the two heaps without tracking do on failure.
template <typename Allocate>
__attribute__((noinline, cold)) void* new_after_failure(Allocate allocate) {
  for (;;) {
    call_new_handler();
    if (void* block = allocate()) return block;
  }
}

template <typename Allocate>
[[gnu::always_inline]] inline void* new_by(Allocate allocate) {
  void* block = allocate();
  return __builtin_expect(block != nullptr, 1) ? block : new_after_failure(allocate);
}

[[gnu::always_inline]] inline void* passed_new(std::size_t bytes) {
  return new_by([=] { return passed::malloc(bytes); });
}
[[gnu::always_inline]] inline void* passed_new(std::size_t bytes, std::size_t alignment) {
  return new_by([=] { return passed::memalign(alignment, bytes); });
}
[[gnu::always_inline]] inline void* routed_new(CallKind call, std::size_t bytes, std::uint64_t caller) {
  return new_by([=] { return routed::allocate(bytes, call, caller); });
}
[[gnu::always_inline]] inline void* routed_new(CallKind call, std::size_t bytes, std::size_t alignment,
                                               std::uint64_t caller) {
  return new_by([=] { return routed::memalign_for(alignment, bytes, call, caller); });
}

inline void* or_retry(void* block, std::size_t bytes, const char* symbol) noexcept {
  return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow(symbol, bytes);
}
inline void* or_retry(void* block, std::size_t bytes, std::size_t alignment, const char* symbol) noexcept {
  return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow_aligned(symbol, bytes, alignment);
}

}  // namespace

using Size = std::size_t;

// operator new, operator new[]
#define WEIR_NEW(name, kind, tracked_new)                                              \
  WEIR_EXPORT void* name(Size n) {                                                     \
    WEIR_ENTER(name, n);                                                               \
    if (__builtin_expect(passes, 1)) return passed_new(n);                             \
    if (mode_now == Mode::kRoute) return routed_new(kind, n, WEIR_CALLER_ADDRESS());   \
    if (__builtin_expect(mode_now == Mode::kWatch, 0)) return watched::tracked_new(n); \
    if (mode_now == Mode::kGuard) return guarded::tracked_new(n);                      \
    return tracked::tracked_new(n);                                                    \
  }
WEIR_NEW(_Znwm, CallKind::kNew, operator_new)
WEIR_NEW(_Znam, CallKind::kNewArray, operator_new_array)

#define WEIR_NEW_NOTHROW(name, kind, tracked_new)                                      \
  WEIR_EXPORT void* name(Size n, const void* nothrow) {                                \
    WEIR_ENTER(name, n, nothrow);                                                      \
    if (__builtin_expect(passes, 1)) return or_retry(passed::malloc(n), n, #name);     \
    if (mode_now == Mode::kRoute) {                                                    \
      return or_retry(routed::allocate(n, kind, WEIR_CALLER_ADDRESS()), n, #name);     \
    }                                                                                  \
    if (__builtin_expect(mode_now == Mode::kWatch, 0)) return watched::tracked_new(n); \
    if (mode_now == Mode::kGuard) return guarded::tracked_new(n);                      \
    return tracked::tracked_new(n);                                                    \
  }
WEIR_NEW_NOTHROW(_ZnwmRKSt9nothrow_t, CallKind::kNew, operator_new_nothrow)
WEIR_NEW_NOTHROW(_ZnamRKSt9nothrow_t, CallKind::kNewArray, operator_new_array_nothrow)

#define WEIR_NEW_ALIGNED(name, kind, tracked_new)                                                 \
  WEIR_EXPORT void* name(Size n, Size alignment) {                                                \
    WEIR_ENTER(name, n, alignment);                                                               \
    if (__builtin_expect(passes, 1)) return passed_new(n, alignment);                             \
    if (mode_now == Mode::kRoute) return routed_new(kind, n, alignment, WEIR_CALLER_ADDRESS());   \
    if (__builtin_expect(mode_now == Mode::kWatch, 0)) return watched::tracked_new(n, alignment); \
    if (mode_now == Mode::kGuard) return guarded::tracked_new(n, alignment);                      \
    return tracked::tracked_new(n, alignment);                                                    \
  }
WEIR_NEW_ALIGNED(_ZnwmSt11align_val_t, CallKind::kNew, operator_new_aligned)
WEIR_NEW_ALIGNED(_ZnamSt11align_val_t, CallKind::kNewArray, operator_new_array_aligned)

#define WEIR_NEW_ALIGNED_NOTHROW(name, kind, tracked_new)                                                    \
  WEIR_EXPORT void* name(Size n, Size alignment, const void* nothrow) {                                      \
    WEIR_ENTER(name, n, alignment, nothrow);                                                                 \
    if (__builtin_expect(passes, 1)) return or_retry(passed::memalign(alignment, n), n, alignment, #name);   \
    if (mode_now == Mode::kRoute) {                                                                          \
      return or_retry(routed::memalign_for(alignment, n, kind, WEIR_CALLER_ADDRESS()), n, alignment, #name); \
    }                                                                                                        \
    if (__builtin_expect(mode_now == Mode::kWatch, 0)) return watched::tracked_new(n, alignment);            \
    if (mode_now == Mode::kGuard) return guarded::tracked_new(n, alignment);                                 \
    return tracked::tracked_new(n, alignment);                                                               \
  }
WEIR_NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t, CallKind::kNew, operator_new_aligned_nothrow)
WEIR_NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t, CallKind::kNewArray,
                         operator_new_array_aligned_nothrow)

// operator delete, operator delete[]: only mode=guard looks at what size and alignment add.
#define WEIR_DELETE(name, guarded_call, ...)          \
  WEIR_EXPORT void name(void* block __VA_ARGS__) {    \
    WEIR_ENTER(std::free, block);                     \
    WEIR_DISPATCH_GUARDED(free(block), guarded_call); \
  }
WEIR_DELETE(_ZdlPv, operator_delete(block))
WEIR_DELETE(_ZdlPvm, operator_delete_sized(block, n), , Size n)
WEIR_DELETE(_ZdlPvRKSt9nothrow_t, operator_delete(block), , const void*)
WEIR_DELETE(_ZdlPvSt11align_val_t, operator_delete_aligned(block, a), , Size a)
WEIR_DELETE(_ZdlPvmSt11align_val_t, operator_delete_sized_aligned(block, n, a), , Size n, Size a)
WEIR_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, operator_delete_aligned(block, a), , Size a, const void*)
WEIR_DELETE(_ZdaPv, operator_delete_array(block))
WEIR_DELETE(_ZdaPvm, operator_delete_array_sized(block, n), , Size n)
WEIR_DELETE(_ZdaPvRKSt9nothrow_t, operator_delete_array(block), , const void*)
WEIR_DELETE(_ZdaPvSt11align_val_t, operator_delete_array_aligned(block, a), , Size a)
WEIR_DELETE(_ZdaPvmSt11align_val_t, operator_delete_array_sized_aligned(block, n, a), , Size n, Size a)
WEIR_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, operator_delete_array_aligned(block, a), , Size a,
            const void*)
