// The 20 replaceable operators of C++. Replaced too because libstdc++'s own would each add a call (4 to 5 %
// on programs that live on new and delete), and because only here a block's family can be seen.
#include <cstddef>
#include <cstdlib>

#include "shim/entry/entry.hpp"
#include "shim/entry/new_handler.hpp"
#include "shim/entry/passed_heap.hpp"
#include "shim/track/tracked_heap.hpp"

using namespace weir;

namespace {

__attribute__((noinline, cold)) void* new_after_failure(std::size_t bytes, std::size_t alignment) {
  for (;;) {
    call_new_handler();
    void* block = alignment == 0 ? passed::malloc(bytes) : passed::memalign(alignment, bytes);
    if (block != nullptr) return block;
  }
}

inline void* passed_new(std::size_t bytes) {
  void* block = passed::malloc(bytes);
  return __builtin_expect(block != nullptr, 1) ? block : new_after_failure(bytes, 0);
}

inline void* passed_new(std::size_t bytes, std::size_t alignment) {
  void* block = passed::memalign(alignment, bytes);
  return __builtin_expect(block != nullptr, 1) ? block : new_after_failure(bytes, alignment);
}

inline void* passed_new_nothrow(std::size_t bytes, const char* symbol) noexcept {
  void* block = passed::malloc(bytes);
  return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow(symbol, bytes);
}

inline void* passed_new_nothrow(std::size_t bytes, std::size_t alignment, const char* symbol) noexcept {
  void* block = passed::memalign(alignment, bytes);
  return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow_aligned(symbol, bytes, alignment);
}

}  // namespace

using Size = std::size_t;

// operator new, operator new[]
WEIR_EXPORT void* _Znwm(Size n) {
  WEIR_ENTER(_Znwm, n);
  return passes ? passed_new(n) : tracked::operator_new(n);
}
WEIR_EXPORT void* _Znam(Size n) {
  WEIR_ENTER(_Znam, n);
  return passes ? passed_new(n) : tracked::operator_new_array(n);
}
WEIR_EXPORT void* _ZnwmRKSt9nothrow_t(Size n, const void* unused1) {
  WEIR_ENTER(_ZnwmRKSt9nothrow_t, n, unused1);
  return passes ? passed_new_nothrow(n, "_ZnwmRKSt9nothrow_t") : tracked::operator_new_nothrow(n);
}
WEIR_EXPORT void* _ZnamRKSt9nothrow_t(Size n, const void* unused1) {
  WEIR_ENTER(_ZnamRKSt9nothrow_t, n, unused1);
  return passes ? passed_new_nothrow(n, "_ZnamRKSt9nothrow_t") : tracked::operator_new_array_nothrow(n);
}
WEIR_EXPORT void* _ZnwmSt11align_val_t(Size n, Size alignment) {
  WEIR_ENTER(_ZnwmSt11align_val_t, n, alignment);
  return passes ? passed_new(n, alignment) : tracked::operator_new_aligned(n, alignment);
}
WEIR_EXPORT void* _ZnamSt11align_val_t(Size n, Size alignment) {
  WEIR_ENTER(_ZnamSt11align_val_t, n, alignment);
  return passes ? passed_new(n, alignment) : tracked::operator_new_aligned(n, alignment);
}
WEIR_EXPORT void* _ZnwmSt11align_val_tRKSt9nothrow_t(Size n, Size alignment, const void* unused2) {
  WEIR_ENTER(_ZnwmSt11align_val_tRKSt9nothrow_t, n, alignment, unused2);
  return passes ? passed_new_nothrow(n, alignment, "_ZnwmSt11align_val_tRKSt9nothrow_t")
                : tracked::operator_new_aligned_nothrow(n, alignment);
}
WEIR_EXPORT void* _ZnamSt11align_val_tRKSt9nothrow_t(Size n, Size alignment, const void* unused2) {
  WEIR_ENTER(_ZnamSt11align_val_tRKSt9nothrow_t, n, alignment, unused2);
  return passes ? passed_new_nothrow(n, alignment, "_ZnamSt11align_val_tRKSt9nothrow_t")
                : tracked::operator_new_aligned_nothrow(n, alignment);
}

// operator delete, operator delete[]: what size, alignment and nothrow add is not needed to find the block.
#define WEIR_DELETE(name, ...)                     \
  WEIR_EXPORT void name(void* block __VA_ARGS__) { \
    WEIR_ENTER(std::free, block);                  \
    if (passes) return passed::free(block);        \
    return tracked::free(block);                   \
  }
WEIR_DELETE(_ZdlPv)
WEIR_DELETE(_ZdlPvm, , Size)
WEIR_DELETE(_ZdlPvRKSt9nothrow_t, , const void*)
WEIR_DELETE(_ZdlPvSt11align_val_t, , Size)
WEIR_DELETE(_ZdlPvmSt11align_val_t, , Size, Size)
WEIR_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, , Size, const void*)
WEIR_DELETE(_ZdaPv)
WEIR_DELETE(_ZdaPvm, , Size)
WEIR_DELETE(_ZdaPvRKSt9nothrow_t, , const void*)
WEIR_DELETE(_ZdaPvSt11align_val_t, , Size)
WEIR_DELETE(_ZdaPvmSt11align_val_t, , Size, Size)
WEIR_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, , Size, const void*)
