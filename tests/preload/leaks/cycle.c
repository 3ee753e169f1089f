// A lost ring: one of its blocks stands for it, the others are lost through that.
//: leak direct 32 1 link_of < build < main
//: leak indirect 64 2 link_of < build < main
#include "lose.h"

struct Link {
  struct Link* next;
  long spare[3];
};

FRAME static struct Link* link_of(void) {
  return calloc(1, sizeof(struct Link));
}

FRAME static void build(void) {
  volatile int count = 3;  // one call, one stack: nothing is unrolled
  struct Link* links[3];
  for (int i = 0; i < count; ++i) links[i] = link_of();
  for (int i = 0; i < 3; ++i) links[i]->next = links[(i + 1) % 3];
}

int main(void) {
  build();
  scrub();
  return 0;
}
