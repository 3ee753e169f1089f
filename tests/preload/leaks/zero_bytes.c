// A block of no bytes is a block.
//: leak direct 0 3 lose < main
#include "lose.h"

FRAME static void lose(void) {
  require(malloc(0) != NULL, "malloc");
}

int main(void) {
  volatile int count = 3;  // one call, one stack: nothing is unrolled
  for (int i = 0; i < count; ++i) lose();
  scrub();
  return 0;
}
