// A freed block's old contents hold nothing.
//: leak direct 40 1 lose < main
#include "lose.h"

FRAME static void lose(void) {
  void** holders[64];
  for (int i = 0; i < 64; ++i) holders[i] = calloc(1, 256);
  void* lost = malloc(40);
  for (int i = 0; i < 64; ++i)
    for (int slot = 2; slot < 32; ++slot) holders[i][slot] = lost;
  for (int i = 0; i < 64; ++i) free(holders[i]);
}

int main(void) {
  lose();
  scrub();
  return 0;
}
