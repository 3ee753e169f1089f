// Blocks of one stack are one entry; another line of the same function is another.
//: leak direct 240 10 lose_small < main
//: leak direct 24 1 lose_small < main
//: leak direct 1000 1 lose_big < main
#include "lose.h"

FRAME static void lose_small(void) {
  memset(malloc(24), 1, 24);
}
FRAME static void lose_big(void) {
  memset(malloc(1000), 1, 1000);
}

int main(void) {
  for (int i = 0; i < 10; ++i) lose_small();
  lose_small();
  lose_big();
  scrub();
  return 0;
}
