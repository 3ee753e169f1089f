// The names that old binaries bind to lead to the same heap.
//: modes native leak pass
#include "../check.h"

static void* named(const char* name) {
  void* function = dlsym(RTLD_DEFAULT, name);
  if (function == NULL) fprintf(stderr, "no %s\n", name);
  CHECK(function != NULL);
  return function;
}

#define NAMED(result, name, ...) ((result(*)(__VA_ARGS__))named(name))

int main(void) {
  void* (*libc_malloc)(size_t) = NAMED(void*, "__libc_malloc", size_t);
  void (*libc_free)(void*) = NAMED(void, "__libc_free", void*);
  void* (*libc_calloc)(size_t, size_t) = NAMED(void*, "__libc_calloc", size_t, size_t);
  void* (*libc_realloc)(void*, size_t) = NAMED(void*, "__libc_realloc", void*, size_t);
  void* (*libc_memalign)(size_t, size_t) = NAMED(void*, "__libc_memalign", size_t, size_t);
  void* (*libc_valloc)(size_t) = NAMED(void*, "__libc_valloc", size_t);
  void* (*libc_pvalloc)(size_t) = NAMED(void*, "__libc_pvalloc", size_t);
  if (check_failures) return check_result();

  void* blocks[] = {libc_malloc(10),       libc_calloc(2, 10), libc_realloc(NULL, 10),
                    libc_memalign(64, 10), libc_valloc(10),    libc_pvalloc(10)};
  for (int i = 0; i < 6; ++i) {
    CHECK(blocks[i] != NULL && malloc_usable_size(blocks[i]) >= 10);
    blocks[i] = i % 2 ? realloc(blocks[i], 500) : libc_realloc(blocks[i], 500);
    CHECK(blocks[i] != NULL && malloc_usable_size(blocks[i]) >= 500);
    i % 3 ? libc_free(blocks[i]) : free(blocks[i]);
  }
  libc_free(malloc(10));
  return check_result();
}
