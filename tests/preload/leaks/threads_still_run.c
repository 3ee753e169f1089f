// Threads (32 in the long tests) allocate and free while the main thread returns: the check stands them still.
//: leak direct 77 1 lose < main
#include "lose.h"

static volatile int ready;
FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

static void* work(void* unused) {
  void* volatile mine[16] = {0};
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  for (unsigned i = 0;; ++i) {
    free(mine[i % 16]);
    mine[i % 16] = malloc(i % 2000);
  }
  return unused;
}

int main(void) {
  lose(77);
  const char* tests = getenv("TESTS");
  const int count = tests != NULL && strcmp(tests, "all") == 0 ? 32 : 12;
  for (int i = 0; i < count; ++i) {
    pthread_t thread;
    require(pthread_create(&thread, NULL, work, NULL) == 0, "pthread_create");
  }
  while (ready != count) usleep(1000);
  scrub();
  return 0;
}
