// 32 threads allocate while the main thread ends itself; the last one ends the process.
//: leak direct 77 1 lose < main
//: leak direct 320 32 lose < work << start_thread*
#include "lose.h"

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

FRAME static void* work(void* unused) {
  for (int i = 0; i < 20000; ++i) free(malloc((size_t)i % 3000));
  lose(10);
  scrub();
  return unused;
}

int main(void) {
  lose(77);
  for (int i = 0; i < 32; ++i) {
    pthread_t thread;
    require(pthread_create(&thread, NULL, work, NULL) == 0, "pthread_create");
    pthread_detach(thread);
  }
  scrub();
  pthread_exit(NULL);
}
