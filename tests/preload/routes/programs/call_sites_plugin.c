// A library to load while the program runs; built twice, with the function's name as PLUGIN. Its constructor
// allocates once, while the loader works; without BEGINS there is none.
#include <stdlib.h>
#include <string.h>

__attribute__((noinline)) static void use(void* block) {
  if (block == NULL) abort();
  memset(block, 1, 100);
  free(block);
}

__attribute__((noinline)) void PLUGIN(int times, size_t bytes) {
  for (int i = 0; i < times; ++i) use(malloc(bytes));
}

#ifdef BEGINS
__attribute__((constructor, noinline)) void begin_plugin(void) {
  use(malloc(100));
}
#endif

void work(int times, size_t bytes) {
  PLUGIN(times, bytes);
  __asm__ volatile("");
}
