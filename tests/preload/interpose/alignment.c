// Every block is aligned to 16, also where jemalloc would align to 8; memalign and
// aligned_alloc take any power of two, and round others up.
//: modes native leak pass
//: flags -Wno-unused-result
#include "../check.h"

static int aligned(void* block, size_t alignment) {
  return block != NULL && (uintptr_t)block % alignment == 0;
}

int main(void) {
  for (size_t bytes = 0; bytes < 5000; bytes += 1 + bytes / 20) {
    void* blocks[] = {malloc(bytes), calloc(1, bytes), realloc(NULL, bytes), reallocarray(NULL, bytes, 1)};
    for (int i = 0; i < 4; ++i) {
      CHECK(aligned(blocks[i], 16));
      free(blocks[i]);
    }
  }
  for (size_t alignment = 1; alignment <= 4 << 20; alignment *= 2) {
    for (size_t bytes = 1; bytes <= 100000; bytes = bytes * 7 + 3) {
      void* block = memalign(alignment, bytes);
      CHECK(aligned(block, alignment) && aligned(block, 16));
      memset(block, 0xff, malloc_usable_size(block));
      free(block);
      block = aligned_alloc(alignment, bytes);  // glibc does not ask for a multiple
      CHECK(aligned(block, alignment));
      memset(block, 0xff, bytes);
      block = realloc(block, bytes * 2);  // which need not keep the alignment
      CHECK(aligned(block, 16));
      free(block);
    }
  }
  void* odd = memalign(opaque_size(48), 100);
  CHECK(aligned(odd, 64));
  free(odd);
  odd = memalign(opaque_size(0), 100);
  CHECK(aligned(odd, 16));
  free(odd);
  errno = 0;
  CHECK(memalign(opaque_size((size_t)1 << 63), 100) == NULL && errno != 0);
  errno = 0;
  CHECK(memalign(opaque_size(SIZE_MAX), 100) == NULL && errno == EINVAL);
  return check_result();
}
