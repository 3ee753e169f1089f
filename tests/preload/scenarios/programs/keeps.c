// Holds 100 bytes in a variable, and loses nothing.
#include "../../lose.h"

static void* kept;
FRAME static void keep(void) {
  kept = malloc(100);
}

int main(void) {
  keep();
  scrub();
  return 0;
}
