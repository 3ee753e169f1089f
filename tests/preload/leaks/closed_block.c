// A block whose pages the program has taken its access from holds what it points to, also on pages of weir's (guard=page).
//: leak direct 77 1 lose < main
#include <sys/mman.h>

#include "lose.h"

enum { kPages = 4 * 4096 };
static void** closed;

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

int main(void) {
  closed = aligned_alloc(4096, kPages);
  closed[0] = malloc(40);
  closed[700] = malloc(41);
  lose(77);
  scrub();
  mprotect(closed, kPages, PROT_NONE);
  exit(0);
}
