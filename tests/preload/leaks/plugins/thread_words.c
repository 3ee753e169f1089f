// Thread-local pointers of a library that is loaded late: they lie in blocks that the threads' tables lead to.
#include <stdlib.h>
#include <string.h>

static __thread char* words[10];

void lose_in_thread(void) {
  for (int i = 0; i < 10; ++i) {
    words[i] = malloc(30);
    memset(words[i], 1, 30);
  }
}
