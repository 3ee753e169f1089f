// posix_memalign returns its error and leaves the pointer alone; errno too, unless memory ran out.
//: modes native leak pass
#include "../check.h"

static int result_of(size_t alignment, size_t bytes) {
  char untouched;
  void* block = &untouched;
  errno = 1234;
  const int result = posix_memalign(&block, opaque_size(alignment), opaque_size(bytes));
  const int error = *(volatile int*)opaque(&errno);  // the compiler believes that it has not changed
  CHECK(error == (result == ENOMEM ? ENOMEM : 1234));
  if (result == 0) {
    CHECK(block != &untouched && (uintptr_t)block % alignment == 0);
    memset(block, 1, bytes);
    free(block);
  } else {
    CHECK(block == &untouched);
  }
  return result;
}

int main(void) {
  CHECK(result_of(0, 8) == EINVAL);
  CHECK(result_of(1, 8) == EINVAL);
  CHECK(result_of(4, 8) == EINVAL);
  CHECK(result_of(12, 8) == EINVAL);
  CHECK(result_of(24, 8) == EINVAL);
  CHECK(result_of(SIZE_MAX, 8) == EINVAL);
  CHECK(result_of(8, PTRDIFF_MAX) == ENOMEM);
  CHECK(result_of(4096, SIZE_MAX - 4096) == ENOMEM);
  CHECK(result_of(4096, SIZE_MAX) == ENOMEM);
  for (size_t alignment = 8; alignment <= 4 << 20; alignment *= 2) {
    CHECK(result_of(alignment, 0) == 0);
    CHECK(result_of(alignment, 1) == 0);
    CHECK(result_of(alignment, 3 * alignment + 1) == 0);
  }
  return check_result();
}
