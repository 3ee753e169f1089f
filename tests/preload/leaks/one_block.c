// One block of forty bytes.
//: leak direct 40 1 lose < main
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  scrub();
  return 0;
}
