// Heap calls in every round of a thread's key destructors, and in thread-local destructors.
//: modes native leak pass
#include "../check.h"

static pthread_key_t keys[3];
static int rounds;
static __thread int mine;

static void again(void* block) {
  __atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED);
  free(block);
  for (int i = 0; i < 100; ++i) free(malloc((size_t)i * 50));
  if (++mine > 2 * 3) return;  // what the last round sets would be lost
  for (int i = 0; i < 3; ++i)
    if (pthread_getspecific(keys[i]) == NULL) pthread_setspecific(keys[i], malloc(200));
}

static void* work(void* unused) {
  void* block = malloc(100);
  for (int i = 0; i < 3; ++i) pthread_setspecific(keys[i], malloc(100));
  free(block);
  return unused;
}

int main(void) {
  for (int i = 0; i < 3; ++i) pthread_key_create(&keys[i], again);
  const int threads = times_to_repeat(60, 200);
  for (int i = 0; i < threads; ++i) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    pthread_join(thread, NULL);
  }
  CHECK(rounds >= threads * 3 * 2);
  return check_result();
}
