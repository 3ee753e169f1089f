// A block of no bytes has 24 that may be used, as in glibc: programs take none for what is no block. (mode=guard answers
// what was asked for, and a route what it gave.)
//: modes native leak pass
#include "../check.h"

int main(void) {
  void* empty[] = {malloc(0), calloc(0, 8), realloc(NULL, 0), memalign(64, 0)};
  for (int i = 0; i < 4; ++i) {
    const size_t usable = malloc_usable_size(empty[i]);
    CHECK(usable >= 24);  // exactly 24 in glibc, but for memalign
    memset(empty[i], 1, usable);
    void* grown = realloc(empty[i], 100);
    CHECK(grown != NULL && *(char*)grown == 1);
    free(grown);
  }
  return check_result();
}
