// A program that closes every descriptor it does not know goes on, and its leak is reported.
//: leak direct 40 1 lose < main
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

FRAME static int nested(int depth) {
  if (depth > 0) return nested(depth - 1) + 1;
  for (int i = 0; i < 1000; ++i) free(malloc((size_t)i));
  return 0;
}

int main(void) {
  closefrom(3);
  require(nested(50) == 50, "nested");
  FILE* next = fopen("/dev/null", "r");
  require(fileno(next) == 3, "descriptor 3 stays the program's");
  fclose(next);
  lose();
  scrub();
  return 0;
}
