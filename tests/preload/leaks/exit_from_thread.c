// exit from a thread while main waits in a join.
//: leak direct 40 1 lose < work << start_thread*
//: leak direct 41 1 lose < main
#include "lose.h"

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

FRAME static void* work(void* unused) {
  lose(40);
  scrub();
  exit(unused != NULL);
}

int main(void) {
  lose(41);
  scrub();
  pthread_t thread;
  pthread_create(&thread, NULL, work, NULL);
  pthread_join(thread, NULL);
  return 1;
}
