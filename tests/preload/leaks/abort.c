// abort keeps its signal.
//: signal SIGABRT
//: stderr ^$
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  abort();
}
