// A pointer with a tag in its low bits holds its block.
#include "lose.h"

static volatile uintptr_t tagged[7];

int main(void) {
  for (uintptr_t tag = 1; tag < 8; ++tag) tagged[tag - 1] = (uintptr_t)malloc(40) | tag;
  scrub();
  return 0;
}
