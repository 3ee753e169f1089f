// Blocks of glibc's own heap, got past us: free, realloc and malloc_usable_size know whose they are.
//: modes leak pass
#include <link.h>

#include "../check.h"

static void* (*glibc_malloc)(size_t);
static void* (*glibc_memalign)(size_t, size_t);

// libc's own functions, by its symbol table: what a library that looks behind us would call.
static int find(struct dl_phdr_info* info, size_t size, void* unused) {
  (void)size, (void)unused;
  if (strstr(info->dlpi_name, "libc.so.6") == NULL) return 0;
  void* libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
  glibc_malloc = (void* (*)(size_t))dlvsym(libc, "malloc", "GLIBC_2.2.5");
  glibc_memalign = (void* (*)(size_t, size_t))dlvsym(libc, "memalign", "GLIBC_2.2.5");
  return 1;
}

int main(void) {
  dl_iterate_phdr(find, NULL);
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
