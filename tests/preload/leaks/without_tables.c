// A main without unwind tables ends the walk in itself: it has not returned, and what its frame holds is live.
//: flags -fno-asynchronous-unwind-tables -fno-unwind-tables
#include "lose.h"

int main(void) {
  void* volatile held[20];
  for (int i = 0; i < 20; ++i) held[i] = malloc(30);
  exit(held[19] == NULL);
}
