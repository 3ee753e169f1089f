// Blocks that only the stacks of other threads hold, whether they wait, run, or were detached.
#include "lose.h"

static volatile int ready;

static void* hold(void* how) {
  void* volatile mine[2] = {malloc(60), malloc(61)};
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  if (how != NULL) pthread_detach(pthread_self());
  for (;;) how != NULL ? (void)pause() : (void)(mine[1] = mine[1]);
  return mine[0];
}

int main(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, hold, NULL);
  for (int i = 0; i < 8; ++i) pthread_create(&thread, NULL, hold, (void*)1);
  while (ready != 9) usleep(1000);
  scrub();
  return 0;
}
