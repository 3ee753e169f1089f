// The whole usable size may be written, and survives a realloc as far as both blocks go.
//: modes native leak pass
#include "../check.h"

static void fill(unsigned char* block, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) block[i] = (unsigned char)(i * 31 + bytes);
}

static int holds(const unsigned char* block, size_t filled, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    if (block[i] != (unsigned char)(i * 31 + filled)) return 0;
  return 1;
}

int main(void) {
  CHECK(malloc_usable_size(NULL) == 0);
  enum { kMany = 300 };
  unsigned char* blocks[kMany];
  size_t usable[kMany];
  for (size_t i = 0; i < kMany; ++i) {
    const size_t bytes = i < 200 ? i * 3 : i * i;
    blocks[i] = malloc(bytes);
    usable[i] = malloc_usable_size(blocks[i]);
    CHECK(usable[i] >= bytes);
    fill(blocks[i], usable[i]);
  }
  for (size_t i = 0; i < kMany; ++i) CHECK(holds(blocks[i], usable[i], usable[i]));
  for (size_t i = 0; i < kMany; ++i) {
    const size_t wanted = i % 2 ? usable[i] * 2 + 1 : usable[i] / 2 + 1;
    unsigned char* moved = realloc(blocks[i], wanted);
    CHECK(moved != NULL && malloc_usable_size(moved) >= wanted);
    CHECK(holds(moved, usable[i], usable[i] < wanted ? usable[i] : wanted));
    free(moved);
  }
  return check_result();
}
