// exit from a signal handler that interrupted malloc, more than likely.
//: stderr ^$
#include <sys/time.h>

#include "lose.h"

static void leave(int number) {
  exit(number == SIGALRM ? 0 : 1);
}

int main(void) {
  signal(SIGALRM, leave);
  const struct itimerval soon = {.it_value = {.tv_usec = 100000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  void* volatile block = NULL;
  for (unsigned i = 0;; ++i) {
    free(block);
    block = malloc(i % 5000);
  }
}
