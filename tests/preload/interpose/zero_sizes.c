// malloc(0) is a block of its own; realloc(p, 0) frees and returns null, as glibc does.
//: modes native leak pass
#include "../check.h"

int main(void) {
  void* blocks[] = {malloc(0),
                    malloc(0),
                    calloc(0, 8),
                    calloc(8, 0),
                    valloc(0),
                    memalign(64, 0),
                    aligned_alloc(64, 0),
                    realloc(NULL, 0),
                    realloc(NULL, 0),
                    reallocarray(NULL, 0, 7),
                    reallocarray(NULL, 7, 0)};
  const int count = sizeof blocks / sizeof *blocks;
  for (int i = 0; i < count; ++i) {
    CHECK(blocks[i] != NULL);
    for (int k = 0; k < i; ++k) CHECK(blocks[i] != blocks[k]);
  }
  for (int i = 0; i < count; ++i) free(blocks[i]);

  errno = 0;
  CHECK(opaque(realloc(malloc(100), opaque_size(0))) == NULL);
  CHECK(opaque(reallocarray(malloc(100), opaque_size(0), 5)) == NULL);
  CHECK(errno == 0);
  return check_result();
}
