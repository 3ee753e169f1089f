// The 20 replaceable operators of C++. Replaced too because libstdc++'s own would each add a call (4 to 5 %
// on programs that live on new and delete), and because only here a block's family can be seen.
#include <cstddef>
#include <cstdlib>

#include "shim/entry/entry.hpp"
#include "shim/entry/heaps.hpp"
#include "shim/entry/new_handler.hpp"
#include "shim/entry/replaced_operators.hpp"

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
#define WEIR_NEW(name, way, kind, tracked_new)                                         \
  WEIR_EXPORT void* name(Size n) {                                                     \
    WEIR_ENTER(name, n);                                                               \
    way if (__builtin_expect(passes, 1)) return passed_new(n);                         \
    if (mode_now == Mode::kRoute) return routed_new(kind, n, WEIR_CALLER_ADDRESS());   \
    if (__builtin_expect(mode_now == Mode::kWatch, 0)) return watched::tracked_new(n); \
    if (mode_now == Mode::kGuard) return guarded::tracked_new(n);                      \
    return tracked::tracked_new(n);                                                    \
  }
WEIR_NEW(_Znwm, , CallKind::kNew, operator_new)
WEIR_NEW(_Znam, WEIR_GIVE_WAY(_Znam, n), CallKind::kNewArray, operator_new_array)

#define WEIR_NEW_NOTHROW(name, kind, tracked_new)                                      \
  WEIR_EXPORT void* name(Size n, const void* nothrow) {                                \
    WEIR_ENTER(name, n, nothrow);                                                      \
    WEIR_GIVE_WAY(name, n, nothrow)                                                    \
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

#define WEIR_NEW_ALIGNED(name, way, kind, tracked_new)                                            \
  WEIR_EXPORT void* name(Size n, Size alignment) {                                                \
    WEIR_ENTER(name, n, alignment);                                                               \
    way if (__builtin_expect(passes, 1)) return passed_new(n, alignment);                         \
    if (mode_now == Mode::kRoute) return routed_new(kind, n, alignment, WEIR_CALLER_ADDRESS());   \
    if (__builtin_expect(mode_now == Mode::kWatch, 0)) return watched::tracked_new(n, alignment); \
    if (mode_now == Mode::kGuard) return guarded::tracked_new(n, alignment);                      \
    return tracked::tracked_new(n, alignment);                                                    \
  }
WEIR_NEW_ALIGNED(_ZnwmSt11align_val_t, , CallKind::kNew, operator_new_aligned)
WEIR_NEW_ALIGNED(_ZnamSt11align_val_t, WEIR_GIVE_WAY(_ZnamSt11align_val_t, n, alignment), CallKind::kNewArray,
                 operator_new_array_aligned)

#define WEIR_NEW_ALIGNED_NOTHROW(name, kind, tracked_new)                                                    \
  WEIR_EXPORT void* name(Size n, Size alignment, const void* nothrow) {                                      \
    WEIR_ENTER(name, n, alignment, nothrow);                                                                 \
    WEIR_GIVE_WAY(name, n, alignment, nothrow)                                                               \
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
#define WEIR_DELETE(name, parameters, way, guarded_call)  \
  WEIR_EXPORT void name parameters {                      \
    WEIR_ENTER(std::free, block);                         \
    way WEIR_DISPATCH_GUARDED(free(block), guarded_call); \
  }
#define WEIR_DELETES(plain, plain_nothrow, sized, aligned, aligned_nothrow, sized_aligned, call, way)  \
  WEIR_DELETE(plain, (void* block), way(plain, block), call(block))                                    \
  WEIR_DELETE(plain_nothrow, (void* block, const void* t), WEIR_GIVE_WAY(plain_nothrow, block, t),     \
              call(block))                                                                             \
  WEIR_DELETE(sized, (void* block, Size n), WEIR_GIVE_WAY(sized, block, n), call##_sized(block, n))    \
  WEIR_DELETE(aligned, (void* block, Size a), way(aligned, block, a), call##_aligned(block, a))        \
  WEIR_DELETE(aligned_nothrow, (void* block, Size a, const void* t),                                   \
              WEIR_GIVE_WAY(aligned_nothrow, block, a, t), call##_aligned(block, a))                   \
  WEIR_DELETE(sized_aligned, (void* block, Size n, Size a), WEIR_GIVE_WAY(sized_aligned, block, n, a), \
              call##_sized_aligned(block, n, a))
#define WEIR_STAY(...)
WEIR_DELETES(_ZdlPv, _ZdlPvRKSt9nothrow_t, _ZdlPvm, _ZdlPvSt11align_val_t,
             _ZdlPvSt11align_val_tRKSt9nothrow_t, _ZdlPvmSt11align_val_t, operator_delete, WEIR_STAY)
WEIR_DELETES(_ZdaPv, _ZdaPvRKSt9nothrow_t, _ZdaPvm, _ZdaPvSt11align_val_t,
             _ZdaPvSt11align_val_tRKSt9nothrow_t, _ZdaPvmSt11align_val_t, operator_delete_array,
             WEIR_GIVE_WAY)
