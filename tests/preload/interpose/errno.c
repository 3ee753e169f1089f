// errno: ENOMEM on failure, untouched by success and by free.
//: modes native leak pass
//: flags -Wno-alloc-size-larger-than -Wno-use-after-free
#include "../check.h"

static const size_t kTooMuch = (size_t)PTRDIFF_MAX + 1;

#define FAILS(call)         \
  do {                      \
    errno = 0;              \
    CHECK((call) == NULL);  \
    CHECK(errno == ENOMEM); \
  } while (0)

#define SUCCEEDS(call)        \
  do {                        \
    errno = 1234;             \
    void* got = opaque(call); \
    CHECK(got != NULL);       \
    CHECK(errno == 1234);     \
    free(got);                \
    CHECK(errno == 1234);     \
  } while (0)

int main(void) {
  const size_t much = opaque_size(kTooMuch);
  const size_t most = opaque_size(SIZE_MAX);
  FAILS(malloc(much));
  FAILS(malloc(most));
  FAILS(calloc(1, much));
  FAILS(calloc(much, 2));
  FAILS(calloc(opaque_size(1ul << 33), 1ul << 33));
  FAILS(calloc(most, most));
  FAILS(realloc(NULL, much));
  FAILS(reallocarray(NULL, 2, much));
  FAILS(reallocarray(NULL, opaque_size(1ul << 33), 1ul << 33));
  FAILS(memalign(64, much));
  FAILS(memalign(64, most - 64));
  FAILS(aligned_alloc(4096, most - 4095));
  FAILS(valloc(much));
  FAILS(valloc(most));
  FAILS(pvalloc(much));
  FAILS(pvalloc(most));

  char* kept = opaque(malloc(10));
  strcpy(kept, "kept");
  FAILS(realloc(kept, much));
  FAILS(reallocarray(kept, much, 3));
  CHECK(strcmp(kept, "kept") == 0);
  free(kept);

  errno = 0;
  free(NULL);
  CHECK(errno == 0);
  const size_t sizes[] = {0, 1, 100, 5000, 1 << 20, 64 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    SUCCEEDS(malloc(sizes[i]));
    SUCCEEDS(calloc(1, sizes[i]));
    SUCCEEDS(realloc(malloc(10), sizes[i] + 1));
    SUCCEEDS(memalign(4096, sizes[i]));
    SUCCEEDS(valloc(sizes[i]));
  }
  return check_result();
}
