// Blocks of many sizes, up to those that get a mapping of their own.
//: leak direct 1 1 lose < main
//: leak direct 4096 1 lose < main
//: leak direct 14337 1 lose < main
//: leak direct 1048576 1 lose < main
//: leak direct 268435456 1 lose < main
#include "lose.h"

FRAME static void lose(size_t bytes) {
  *(char*)malloc(bytes) = 1;
}

int main(void) {
  lose(1);
  lose(4096);
  lose(14337);
  lose(1 << 20);
  lose(256 << 20);
  scrub();
  return 0;
}
