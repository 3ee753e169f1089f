// A block that points to itself is lost directly.
//: leak direct 64 1 lose < main
#include "lose.h"

FRAME static void lose(void) {
  void** block = calloc(1, 64);
  block[3] = block;
}

int main(void) {
  lose();
  scrub();
  return 0;
}
