// malloc and free in a signal handler: not allowed, but done. The handler interrupts a thread that is in no
// heap call, while others are: no lock of ours may be left in a state that it waits for.
//: modes native leak pass
#include <sys/time.h>

#include "../check.h"

static volatile int handled, stop;
static void* volatile kept;

static void handle(int number) {
  (void)number;
  free(kept);
  kept = malloc((size_t)(handled * 131 % 3000));
  free(realloc(malloc(10), 500));
  ++handled;
}

static void* allocate(void* unused) {
  void* blocks[128] = {0};
  for (unsigned i = 0; !stop; ++i) {
    free(blocks[i % 128]);
    blocks[i % 128] = malloc(i * 7 % 400);
  }
  for (int i = 0; i < 128; ++i) free(blocks[i]);
  return unused;
}

int main(void) {
  sigset_t timer;
  sigemptyset(&timer);
  sigaddset(&timer, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &timer, NULL);  // the threads begin with that: no handler runs there
  pthread_t threads[3];
  for (int i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, allocate, NULL);
  usleep(10000);
  pthread_sigmask(SIG_UNBLOCK, &timer, NULL);
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {{0, 1000}, {0, 1000}};
  setitimer(ITIMER_REAL, &often, NULL);
  volatile unsigned turns = 0;
  while (handled < 300) ++turns;
  const struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  stop = 1;
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  free(kept);
  return check_result();
}
