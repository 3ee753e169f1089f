// Children that end with _exit leave nothing behind and say nothing twice.
//: leak direct 30 1 lose < main
#include "lose.h"

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

int main(void) {
  lose(30);
  scrub();
  for (int i = 0; i < 10; ++i) {
    if (fork() == 0) _exit(0);
    wait(NULL);
  }
  scrub();
  return 0;
}
