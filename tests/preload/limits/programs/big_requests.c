// Three requests of 300000 bytes from one place, two from another, and small ones.
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) static void* first(void) {
  return malloc(300000);
}
__attribute__((noinline)) static void* second(void) {
  return calloc(3, 100000);
}

int main(void) {
  int got = 0;
  for (int i = 0; i < 3; ++i) {
    void* block = first();
    void* other = i != 0 ? second() : malloc(10);
    got += (block != NULL) + (other != NULL);
    free(block);
    free(other);
  }
  printf("got %d\n", got);
  return 0;
}
