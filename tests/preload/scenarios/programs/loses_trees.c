// Two lost trees: the root of one is lost in known(), of the other in unknown(); the leaves are made alike.
#include "../../lose.h"

FRAME static void* leaf(void) {
  return malloc(10);
}

FRAME static void known(void) {
  void** root = malloc(16);
  root[0] = leaf();
  __asm__ volatile("" ::"r"(root) : "memory");
}

FRAME static void unknown(void) {
  void** root = malloc(24);
  root[0] = leaf();
  __asm__ volatile("" ::"r"(root) : "memory");
}

int main(void) {
  known();
  unknown();
  scrub();
  return 0;
}
