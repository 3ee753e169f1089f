// calloc's blocks are zero, also where a freed block lay.
//: modes native leak pass
#include "../check.h"

int main(void) {
  for (int round = 0; round < 3; ++round) {
    for (size_t bytes = 1; bytes < 300000; bytes = bytes * 3 / 2 + 1) {
      unsigned char* dirty = opaque(malloc(bytes));
      memset(dirty, 0xff, malloc_usable_size(dirty));
      free(dirty);
      unsigned char* clean = opaque(calloc(1, bytes));
      size_t set = 0;
      for (size_t i = 0; i < bytes; ++i) set += clean[i] != 0;
      CHECK(set == 0);
      free(clean);
    }
  }
  return check_result();
}
