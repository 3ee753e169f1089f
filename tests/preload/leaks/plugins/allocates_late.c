// A plug-in whose destructor allocates, grows and frees.
#include <stdlib.h>
#include <string.h>

static char* kept;

__attribute__((constructor)) static void first(void) {
  kept = strdup("from the constructor");
}

__attribute__((destructor)) static void last(void) {
  kept = realloc(kept, 50000);
  memset(kept, 1, 50000);
  free(kept);
  for (unsigned long i = 0; i < 1000; ++i) free(calloc(1, i));
}
