// Everything is freed: nothing is said and the status is the program's own.
//: exit 7
#include "lose.h"

int main(void) {
  char* blocks[100];
  for (int i = 0; i < 100; ++i) blocks[i] = malloc((size_t)i * 17);
  for (int i = 0; i < 100; ++i) free(blocks[i]);
  return 7;
}
