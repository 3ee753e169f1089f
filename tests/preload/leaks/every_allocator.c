// Each of libc's allocating functions, one lost block each.
//: leak direct 101 1 by_calloc < main
//: leak direct 102 1 by_realloc < main
//: leak direct 103 1 by_memalign < main
//: leak direct 104 1 by_posix_memalign < main
//: leak direct 128 1 by_aligned_alloc < main
//: leak direct 105 1 by_valloc < main
//: leak direct 4096 1 by_pvalloc < main
//: leak direct 106 1 by_reallocarray < main
//: leak direct 11 1 *strdup < by_strdup < main
//: leak direct 4 1 *strndup < by_strndup < main
//: flags -Wno-unused-result
#include <malloc.h>

#include "lose.h"

static uintptr_t seen;
static void lose(void* block) {
  require(block != NULL, "allocation");
  seen ^= (uintptr_t)block >> 4;
}

FRAME static void by_calloc(void) {
  lose(calloc(1, 101));
}
FRAME static void by_realloc(void) {
  lose(realloc(NULL, 102));
}
FRAME static void by_memalign(void) {
  lose(memalign(64, 103));
}
FRAME static void by_posix_memalign(void) {
  void* block = NULL;
  require(posix_memalign(&block, 256, 104) == 0, "posix_memalign");
  lose(block);
}
FRAME static void by_aligned_alloc(void) {
  lose(aligned_alloc(128, 128));
}
FRAME static void by_valloc(void) {
  lose(valloc(105));
}
FRAME static void by_pvalloc(void) {
  lose(pvalloc(1));
}
FRAME static void by_reallocarray(void) {
  lose(reallocarray(NULL, 2, 53));
}
FRAME static void by_strdup(void) {
  lose(strdup("nine chars"));
}
FRAME static void by_strndup(void) {
  lose(strndup("nine chars", 3));
}

int main(int argc, char** argv) {
  by_calloc();
  by_realloc();
  by_memalign();
  by_posix_memalign();
  by_aligned_alloc();
  by_valloc();
  if (argc == 1 || strcmp(argv[1], "without-pvalloc") != 0) by_pvalloc();
  by_reallocarray();
  by_strdup();
  by_strndup();
  scrub();
  return seen == UINTPTR_MAX;
}
