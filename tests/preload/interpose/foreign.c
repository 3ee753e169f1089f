// Blocks of glibc's own heap, got past us: free, realloc and malloc_usable_size know whose they are.
//: modes leak pass
#include "../check.h"
#include "../libc_own.h"

int main(void) {
  void* (*glibc_malloc)(size_t) = (void* (*)(size_t))libc_own("malloc");
  void* (*glibc_memalign)(size_t, size_t) = (void* (*)(size_t, size_t))libc_own("memalign");
  CHECK(glibc_malloc != NULL && glibc_memalign != NULL);
  if (check_failures) return check_result();
  for (size_t bytes = 1; bytes < 3000000; bytes *= 3) {
    char* block = glibc_malloc(bytes);
    memset(block, 5, bytes);
    CHECK(malloc_usable_size(block) >= bytes);
    free(block);
    block = glibc_malloc(bytes);
    memset(block, 5, bytes);
    block = realloc(block, bytes + 10000);
    CHECK(block != NULL && block[0] == 5 && block[bytes - 1] == 5);
    free(block);
    free(glibc_memalign(4096, bytes));
  }
  return check_result();
}
