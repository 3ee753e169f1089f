// Destructors that run as late as can be go on allocating, growing and freeing, also after a report.
//: leak direct 40 1 lose < main
//: plugin late.so plugins/allocates_late.c -Wl,-z,initfirst
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

static void* kept;

__attribute__((destructor)) static void late(void) {
  kept = realloc(kept, 100000);
  free(kept);
  for (int i = 0; i < 1000; ++i) free(malloc((size_t)i));
}

int main(void) {
  open_plugin("late.so", RTLD_NOW);
  kept = malloc(10);
  lose();
  scrub();
  return 0;
}
