// Requests that no program means: odd_requests WHAT. The exit status is 0 when libc's answer came back.
#include "blocks.h"

static std::size_t unknown(std::size_t bytes) {
  __asm__ volatile("" : "+r"(bytes));
  return bytes;
}

static const std::size_t kMinusOne = unknown(SIZE_MAX);
static const std::size_t kRoot = unknown(std::size_t{1} << 32);

FRAME static bool request(const char* what) {
  void* block = nullptr;
  errno = 0;
  if (is(what, "malloc")) return malloc(kMinusOne) == nullptr && errno == ENOMEM;
  if (is(what, "malloc_negative")) return malloc(kMinusOne - 99) == nullptr && errno == ENOMEM;
  if (is(what, "calloc")) return calloc(kRoot, kRoot) == nullptr && errno == ENOMEM;
  if (is(what, "calloc_huge")) return calloc(1, kMinusOne) == nullptr && errno == ENOMEM;
  if (is(what, "realloc")) return realloc(nullptr, kMinusOne) == nullptr && errno == ENOMEM;
  if (is(what, "reallocarray")) return reallocarray(nullptr, kRoot, kRoot) == nullptr && errno == ENOMEM;
  if (is(what, "aligned_alloc")) return aligned_alloc(64, kMinusOne - 63) == nullptr && errno == ENOMEM;
  if (is(what, "new_nothrow")) return operator new(kMinusOne, std::nothrow) == nullptr;
  if (is(what, "new")) {
    try {
      block = operator new(kMinusOne);
    } catch (const std::bad_alloc&) {
      return true;
    }
  }
  if (is(what, "zero_malloc")) block = malloc(unknown(0));
  if (is(what, "zero_calloc")) block = calloc(unknown(0), 8);
  if (is(what, "zero_realloc")) block = realloc(nullptr, unknown(0));
  if (is(what, "zero_aligned_alloc")) block = aligned_alloc(16, unknown(0));
  if (is(what, "posix_memalign_3")) return posix_memalign(&block, unknown(3), 10) == EINVAL;
  if (is(what, "posix_memalign_24")) return posix_memalign(&block, unknown(24), 10) == EINVAL;
  if (is(what, "aligned_alloc_24")) block = aligned_alloc(unknown(24), 48);
  if (is(what, "memalign_24")) block = memalign(unknown(24), 48);
  free(opaque(block));
  return block != nullptr;
}

int fault(int argc, char** argv) {
  require(argc == 2, "odd_requests WHAT");
  return request(argv[1]) ? 0 : 1;
}
