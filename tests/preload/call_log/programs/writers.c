// Eight threads that hand their blocks to each other to be freed, and two children that do the same
// meanwhile. Each thread makes ROUNDS blocks.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kThreads = 8, kSlots = 64 };
static _Atomic(void*) slots[kSlots];
static int rounds;

static void* work(void* number) {
  unsigned seed = (unsigned)(long)number + 1;
  for (int i = 0; i < rounds; ++i) {
    void* block = malloc((size_t)(rand_r(&seed) % 200 + 1));
    free(atomic_exchange(&slots[rand_r(&seed) % kSlots], block));
  }
  return NULL;
}

static void run(void) {
  pthread_t thread[kThreads];
  for (long i = 0; i < kThreads; ++i) pthread_create(&thread[i], NULL, work, (void*)i);
  for (int i = 0; i < kThreads; ++i) pthread_join(thread[i], NULL);
}

int main(int argc, char** argv) {
  rounds = argc > 1 ? atoi(argv[1]) : 1000;
  const int children = argc > 2 ? atoi(argv[2]) : 0;
  for (int i = 0; i < children; ++i) {
    if (fork() == 0) {
      run();
      _exit(0);
    }
  }
  run();
  while (wait(NULL) > 0) {
  }
  return 0;
}
