// Another preloaded library stands in front of clock_gettime and of the locks, and finds the real ones by dlsym at the
// first call, as faketime does: what the allocator calls must not come back to the allocator by way of them.
//: modes native leak pass
//: plugin calls.so plugins/calls_dlsym.c
//: env LD_PRELOAD=$PLUGINS/calls.so
#include "../check.h"

#include <time.h>

static void* work(void* unused) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  for (int i = 0; i < 2000; ++i) {
    char* block = malloc(opaque_size(i * 40));
    pthread_mutex_lock(&lock);
    free(realloc(block, i * 80 + 1));
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

int main(void) {
  int* calls = dlsym(RTLD_DEFAULT, "calls_of_others");
  CHECK(calls != NULL);
  if (calls == NULL) return 1;
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, work, NULL);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  struct timespec now;
  CHECK(*calls >= 4 * 2 * 2000 && clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  malloc_trim(0);
  return check_result();
}
