// Names that this libc does not have, or no longer links: cfree, the C23 forms of free, more aliases.
//: modes leak pass
#include "../check.h"

static void* named(const char* name) {
  void* function = dlsym(RTLD_DEFAULT, name);
  if (function == NULL) fprintf(stderr, "no %s\n", name);
  CHECK(function != NULL);
  return function;
}

int main(void) {
  void (*free_sized)(void*, size_t) = (void (*)(void*, size_t))named("free_sized");
  void (*free_aligned_sized)(void*, size_t, size_t) =
      (void (*)(void*, size_t, size_t))named("free_aligned_sized");
  void (*cfree)(void*) = (void (*)(void*))named("cfree");
  void (*libc_cfree)(void*) = (void (*)(void*))named("__libc_cfree");
  int (*libc_posix_memalign)(void**, size_t, size_t) =
      (int (*)(void**, size_t, size_t))named("__posix_memalign");
  if (check_failures) return check_result();

  errno = 77;
  for (size_t bytes = 0; bytes < 20000; bytes += 777) {
    free_sized(malloc(bytes), bytes);
    free_sized(calloc(1, bytes), bytes);
    free_aligned_sized(aligned_alloc(64, bytes), 64, bytes);
    cfree(malloc(bytes));
    libc_cfree(malloc(bytes));
  }
  free_sized(NULL, 10);
  free_aligned_sized(NULL, 64, 10);
  cfree(NULL);
  CHECK(errno == 77);
  void* block = NULL;
  CHECK(libc_posix_memalign(&block, 64, 100) == 0 && (uintptr_t)block % 64 == 0);
  free(block);
  CHECK(libc_posix_memalign(&block, 3, 100) == EINVAL);
  return check_result();
}
