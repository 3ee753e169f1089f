// A block of no bytes is a block.
//: leak direct 0 3 lose < main
#include "lose.h"

FRAME static void lose(void) {
  require(malloc(0) != NULL, "malloc");
}

int main(void) {
  for (int i = 0; i < 3; ++i) lose();
  scrub();
  return 0;
}
