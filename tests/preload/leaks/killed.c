// A program that a signal ends keeps that signal.
//: signal SIGTERM
//: stderr ^$
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  raise(SIGTERM);
  return 0;
}
