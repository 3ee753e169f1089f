// A plug-in opened with RTLD_DEEPBIND: blocks go both ways.
//: modes native leak pass
//: plugin exchanges.so plugins/exchanges.c
//: stderr ^(weir: [^\n]*RTLD_DEEPBIND[^\n]*\n)?$
#include "../check.h"

int main(void) {
  void* plugin = open_plugin("exchanges.so", RTLD_NOW | RTLD_DEEPBIND);
  void* (*give)(unsigned long) = (void* (*)(unsigned long))dlsym(plugin, "give");
  void* (*grow)(void*, unsigned long) = (void* (*)(void*, unsigned long))dlsym(plugin, "grow");
  void (*take)(void*) = (void (*)(void*))dlsym(plugin, "take");
  for (unsigned long bytes = 1; bytes < 100000; bytes *= 3) {
    free(give(bytes));
    take(malloc(bytes));
    free(realloc(give(bytes), bytes * 2));
    free(grow(malloc(bytes), bytes * 2));
    take(grow(give(bytes), bytes * 2));
    void* block = give(bytes);
    CHECK(malloc_usable_size(block) >= bytes && *(char*)block == 7);
    free(block);
  }
  return check_result();
}
