// A lost block that points into a ring: it stands for the ring too.
//: leak direct 48 1 tail < build < main
//: leaks indirect 64 2 ring < build < main
#include "lose.h"

FRAME static void** tail(void) {
  return calloc(1, 48);
}
FRAME static void** ring(void) {
  return calloc(1, 32);
}

FRAME static void build(void) {
  void **first = ring(), **second = ring(), **outside = tail();
  *first = second;
  *second = first;
  *outside = first;
}

int main(void) {
  build();
  scrub();
  return 0;
}
