// Two threads end the process at nearly the same time: the second waits for the first one's check.
//: leak direct 77 1 lose < main
#include "lose.h"

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

static void* end_too(void* now) {
  usleep(3000);
  if (now != NULL) _exit(0);
  exit(0);
}

int main(void) {
  lose(77);
  scrub();
  pthread_t thread;
  static int now;
  for (int i = 0; i < 4; ++i)
    require(pthread_create(&thread, NULL, end_too, i % 2 ? &now : NULL) == 0, "a thread");
  usleep(2900);
  return 0;
}
