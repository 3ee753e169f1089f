// SIGKILL leaves no time for anything.
//: signal SIGKILL
//: stderr ^$
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  raise(SIGKILL);
  return 0;
}
