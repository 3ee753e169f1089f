// A pointer to the middle of a block, or to its last byte, holds it.
#include "lose.h"

static char* volatile middle, * volatile last;

int main(void) {
  middle = (char*)malloc(1000) + 500;
  last = (char*)malloc(1000) + 999;
  scrub();
  return 0;
}
