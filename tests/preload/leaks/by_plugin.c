// Blocks that only a plug-in's data and its (dynamic) thread-local variables hold, in two threads.
//: plugin keeps.so plugins/keeps.c -ftls-model=global-dynamic
#include "lose.h"

static void (*keep)(void);
static void (*keep_in_tls)(void);
static volatile int ready;

static void* hold(void* unused) {
  keep();
  scrub();
  ready = 1;
  for (;;) pause();
  return unused;
}

int main(void) {
  void* plugin = open_plugin("keeps.so", RTLD_NOW);
  *(void**)&keep = dlsym(plugin, "keep");
  *(void**)&keep_in_tls = dlsym(plugin, "keep_in_tls");
  pthread_t thread;
  pthread_create(&thread, NULL, hold, NULL);
  while (!ready) usleep(1000);
  keep_in_tls();
  scrub();
  return 0;
}
