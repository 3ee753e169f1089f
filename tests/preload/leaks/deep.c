// A recursion of 100,000 frames that allocates on its way; the stack is cut at malloc_context_size.
//: leak direct 40 1 lose < descend < descend < descend << descend
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

FRAME static int descend(int depth) {
  if (depth == 0) {
    lose();
    return 0;
  }
  if (depth % 100 == 0) free(malloc((size_t)depth));
  return 1 + descend(depth - 1);
}

static void* dive(void* unused) {
  require(descend(100000) == 100000, "descend");
  return unused;
}

int main(void) {
  pthread_attr_t roomy;
  pthread_attr_init(&roomy);
  pthread_attr_setstacksize(&roomy, 64 << 20);
  pthread_t thread;
  require(pthread_create(&thread, &roomy, dive, NULL) == 0, "pthread_create");
  pthread_attr_destroy(&roomy);
  pthread_join(thread, NULL);
  scrub();
  return 0;
}
