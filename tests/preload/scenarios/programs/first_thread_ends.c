// Its first thread ends; another loses 66 bytes, says so, and ends the process with status 5 at the end of the input.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static void lose(void) {
  memset(malloc(66), 1, 66);
}

static void* goes_on(void* first) {
  pthread_join(*(pthread_t*)first, NULL);
  lose();
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  exit(5);
}

int main(void) {
  static pthread_t first, second;
  first = pthread_self();
  if (pthread_create(&second, NULL, goes_on, &first) != 0) return 1;
  pthread_exit(NULL);
}
