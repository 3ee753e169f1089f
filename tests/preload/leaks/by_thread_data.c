// Blocks held by thread-specific data and thread-local variables, of this thread and of another.
#include "lose.h"

static pthread_key_t keys[40];  // the later ones live in a block of libpthread's
static __thread void* volatile variable;
static volatile int ready;

FRAME static void fill(void) {
  for (int i = 0; i < 40; ++i) pthread_setspecific(keys[i], malloc(70));
  variable = malloc(71);
}

static void* hold(void* unused) {
  fill();
  scrub();
  ready = 1;
  for (;;) pause();
  return unused;
}

int main(void) {
  for (int i = 0; i < 40; ++i) pthread_key_create(&keys[i], NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, hold, NULL);
  while (!ready) usleep(1000);
  fill();
  scrub();
  return 0;
}
