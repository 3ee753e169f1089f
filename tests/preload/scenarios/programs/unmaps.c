// A thread that cannot be stopped by a signal maps memory and gives it back, on and on, when main returns.
#include <sys/mman.h>

#include "lose.h"

static int ready;

static void* come_and_go(void* unused) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  enum { MAPPINGS = 32, BYTES = 1 << 16 };
  static char* memory[MAPPINGS];
  for (unsigned round = 0;; ++round) {
    for (int i = 0; i < MAPPINGS; ++i) {
      memory[i] = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(memory[i], 1, BYTES);
    }
    for (int i = 0; i < MAPPINGS; ++i) munmap(memory[i], BYTES);
    __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  }
  return unused;
}

int main(void) {
  pthread_t thread;
  require(pthread_create(&thread, NULL, come_and_go, NULL) == 0, "pthread_create");
  while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) == 0) sched_yield();
  return 5;
}
