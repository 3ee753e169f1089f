// malloc and free in a signal handler that interrupts malloc and free: not allowed, but done.
// Natively glibc deadlocks here, so it is not asked.
//: modes leak pass
#include <sys/time.h>

#include "../check.h"

static volatile int handled;
static void* volatile kept;

static void handle(int number) {
  (void)number;
  free(kept);
  kept = malloc((size_t)(handled * 131 % 3000));
  free(realloc(malloc(10), 500));
  ++handled;
}

int main(void) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &often, NULL);
  void* blocks[128] = {0};
  for (unsigned i = 0; handled < 400; ++i) {
    free(blocks[i % 128]);
    blocks[i % 128] = malloc(i * 7 % 400);
  }
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  for (int i = 0; i < 128; ++i) free(blocks[i]);
  free(kept);
  return check_result();
}
