// A handler ends the process in the middle of realloc: the block, and all that it leads to, is there still.
//: exit 7
//: modes native leak
#include <sys/time.h>
#include "lose.h"

static void** volatile held;

static void on_alarm(int number) {
  (void)number;
  _exit(7);
}

int main(void) {
  enum { ROWS = 64 };
  held = malloc(ROWS * sizeof *held);
  for (int i = 0; i < ROWS; ++i) held[i] = malloc(40);
  signal(SIGALRM, on_alarm);
  const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  for (size_t bytes = 1024;; bytes = bytes * 5 % 300007 + 600) held = realloc((void*)held, bytes);
}
