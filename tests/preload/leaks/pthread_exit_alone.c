// The only thread ends itself: the process exits with 0 and is checked.
//: leak direct 40 1 lose < main
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  scrub();
  pthread_exit(NULL);
}
