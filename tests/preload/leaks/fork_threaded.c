// The child of a threaded parent: the other threads are gone, and what they held is no leak of the child.
#include "lose.h"

static volatile int ready;

static void* hold(void* unused) {
  void* volatile mine = malloc(60);
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  for (;;) free(malloc(100));
  return mine != NULL ? unused : NULL;
}

int main(void) {
  pthread_t thread;
  for (int i = 0; i < 4; ++i) pthread_create(&thread, NULL, hold, NULL);
  while (ready != 4) usleep(1000);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (int n = 0; n < 100; ++n) free(malloc((size_t)n * 100));
      exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    require(status == 0, "the child");
  }
  return 0;
}
