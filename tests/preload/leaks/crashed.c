// A crash stays the program's own, also one in the middle of its heap calls.
//: signal SIGSEGV
//: stderr ^$
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

static int* volatile nowhere = (int*)8;

int main(void) {
  lose();
  *nowhere = 1;
  return 0;
}
