#include "shim/guard/light_heap.hpp"

#include <cerrno>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/guard/page_heap.hpp"
#include "shim/track/program_caller.hpp"
#include "shim/track/tracked_heap.hpp"

#define WEIR_LIGHT __attribute__((noinline))
#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::light {

constinit bool in_use = false;

namespace {

// The usual block: none of this thread's next ones is due for pages.
[[gnu::always_inline]] inline bool is_not_due() noexcept {
  if (__builtin_expect(pages::blocks_to_go <= 1, 0)) return false;
  --pages::blocks_to_go;
  return true;
}

void* on_pages(std::size_t bytes, std::size_t alignment, Family family, CallKind call,
               const CallSite& site) noexcept {
  if (!pages::choose(bytes, alignment, call, program_caller(site.ip))) return nullptr;
  return pages::make(bytes, alignment, family, call, site,
                     call == CallKind::kCalloc ? 0 : options.max_malloc_fill_size);
}

}  // namespace

// Each of these is two functions: one that the usual block passes without a frame, and one for a block that
// may be due.
#define WEIR_LIGHT_CALL(type, name, parameters, arguments, bytes, alignment, family, call)      \
  WEIR_COLD static type name##_due parameters {                                                 \
    if (void* block = on_pages(bytes, alignment, family, call, WEIR_CALL_SITE())) return block; \
    return tracked::name arguments;                                                             \
  }                                                                                             \
  WEIR_LIGHT type name parameters {                                                             \
    if (__builtin_expect(is_not_due(), 1)) return tracked::name arguments;                      \
    return name##_due arguments;                                                                \
  }
using Size = std::size_t;
WEIR_LIGHT_CALL(void*, malloc, (Size n), (n), n, kHeaderBytes, Family::kMalloc, CallKind::kMalloc)
WEIR_LIGHT_CALL(void*, memalign, (Size a, Size n), (a, n), n, a, Family::kAligned, CallKind::kMemalign)
WEIR_LIGHT_CALL(void*, operator_new, (Size n), (n), n, kHeaderBytes, Family::kNew, CallKind::kNew)
WEIR_LIGHT_CALL(void*, operator_new_array, (Size n), (n), n, kHeaderBytes, Family::kNewArray,
                CallKind::kNewArray)
WEIR_LIGHT_CALL(void*, operator_new_nothrow, (Size n), (n), n, kHeaderBytes, Family::kNew, CallKind::kNew)
WEIR_LIGHT_CALL(void*, operator_new_array_nothrow, (Size n), (n), n, kHeaderBytes, Family::kNewArray,
                CallKind::kNewArray)
WEIR_LIGHT_CALL(void*, operator_new_aligned, (Size n, Size a), (n, a), n, a, Family::kNew, CallKind::kNew)
WEIR_LIGHT_CALL(void*, operator_new_array_aligned, (Size n, Size a), (n, a), n, a, Family::kNewArray,
                CallKind::kNewArray)
WEIR_LIGHT_CALL(void*, operator_new_aligned_nothrow, (Size n, Size a), (n, a), n, a, Family::kNew,
                CallKind::kNew)
WEIR_LIGHT_CALL(void*, operator_new_array_aligned_nothrow, (Size n, Size a), (n, a), n, a, Family::kNewArray,
                CallKind::kNewArray)

// Fresh pages are zero. A product that overflows fails in the tracked heap.
WEIR_COLD static void* calloc_due(Size count, Size bytes) {
  Size total;
  if (!__builtin_mul_overflow(count, bytes, &total)) {
    void* block = on_pages(total, kHeaderBytes, Family::kCalloc, CallKind::kCalloc, WEIR_CALL_SITE());
    if (block != nullptr) return block;
  }
  return tracked::calloc(count, bytes);
}
WEIR_LIGHT void* calloc(Size count, Size bytes) {
  if (__builtin_expect(is_not_due(), 1)) return tracked::calloc(count, bytes);
  return calloc_due(count, bytes);
}

WEIR_COLD static int posix_memalign_due(void** out, Size alignment, Size bytes) {
  void* block = on_pages(bytes, alignment, Family::kPosixMemalign, CallKind::kMemalign, WEIR_CALL_SITE());
  if (block == nullptr) return tracked::posix_memalign(out, alignment, bytes);
  *out = block;
  return 0;
}
WEIR_LIGHT int posix_memalign(void** out, Size alignment, Size bytes) {
  if (__builtin_expect(is_not_due(), 1)) return tracked::posix_memalign(out, alignment, bytes);
  return posix_memalign_due(out, alignment, bytes);
}

// A block that moves may be due again; one that lies on no pages grows as in mode=leak.
WEIR_COLD static void* realloc_from_pages(void* block, Size bytes) {
  const CallSite site = WEIR_CALL_SITE();
  pages::PageBlock* const found = pages::check(block, {IncidentCall::kRealloc, guarded::kOfC}, site);
  if (found == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  void* moved = nullptr;
  if (bytes != 0) {
    moved = malloc(bytes);
    if (moved == nullptr) return nullptr;
    std::memcpy(moved, block, bytes < found->bytes() ? bytes : found->bytes());
  }
  pages::retire(*found, site);
  return moved;
}
WEIR_LIGHT void* realloc(void* block, Size bytes) {
  if (block == nullptr) return malloc(bytes);
  if (__builtin_expect(pages::holds(block), 0)) return realloc_from_pages(block, bytes);
  return tracked::realloc(block, bytes);
}

}  // namespace weir::light
