// Ends with another thread running; where /proc is missing nobody can say which there are.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void* volatile lost;

static void* wait_for_ever(void* of) {
  for (;;) pause();
  return of;
}

int main(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) return 1;
  lost = malloc(1234);
  lost = NULL;
  return 0;
}
