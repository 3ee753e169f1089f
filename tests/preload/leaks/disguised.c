// A pointer that is stored masked does not hold its block.
//: leak direct 40 1 lose < main
#include "lose.h"

static volatile uintptr_t masked;

FRAME static void lose(void) {
  masked = ~(uintptr_t)malloc(40);
}

int main(void) {
  lose();
  scrub();
  return masked == 0;
}
