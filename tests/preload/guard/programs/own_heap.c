// A plug-in that brings a malloc of its own, and one that was to be bound to libc's: neither is our business.
#include "stage.h"

int fault(int argc, char** argv) {
  (void)argc, (void)argv;
  void* own = open_plugin("brings_malloc.so", RTLD_NOW | RTLD_LOCAL);
  int (*works)(void) = (int (*)(void))dlsym(own, "works");
  require(works(), "the plug-in's own heap");
  void* bound = open_plugin("exchanges.so", RTLD_NOW | RTLD_DEEPBIND);
  void* (*give)(unsigned long) = (void* (*)(unsigned long))dlsym(bound, "give");
  void (*take)(void*) = (void (*)(void*))dlsym(bound, "take");
  for (unsigned long bytes = 1; bytes < 1000000; bytes *= 3) {
    free(give(bytes));
    take(opaque(malloc(bytes)));
    free(realloc(give(bytes), bytes * 2));
  }
  return 0;
}
