// The status says "leak" whatever the program's own was.
//: leak direct 40 1 lose < main
//: exit 23
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  scrub();
  return 5;
}
