// Leaks before main, in a constructor, and after it, in an exit handler.
//: leak direct 40 1 lose < early
//: leak direct 41 1 lose < late
#include "lose.h"

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

FRAME static void late(void) {
  lose(41);
  scrub();
}

__attribute__((constructor)) FRAME static void early(void) {
  lose(40);
  scrub();
}

int main(void) {
  atexit(late);
  return 0;
}
