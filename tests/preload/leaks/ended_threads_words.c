// What only thread-local variables of a late library held is lost when their threads have ended; the memory of those
// variables, which the next threads take over, is not.
//: plugin words.so plugins/thread_words.c -ftls-model=global-dynamic
//: leak direct 1200 40 lose_in_thread
#include "lose.h"

static void (*lose_in_thread)(void);

static void* work(void* unused) {
  lose_in_thread();
  return unused;
}

int main(void) {
  void* plugin = open_plugin("words.so", RTLD_NOW);
  *(void**)&lose_in_thread = dlsym(plugin, "lose_in_thread");
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) require(pthread_create(&threads[i], NULL, work, NULL) == 0, "pthread_create");
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  scrub();
  return 0;
}
