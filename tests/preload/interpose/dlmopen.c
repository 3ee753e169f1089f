// A plug-in in a name space of its own has a libc of its own, with another heap; its blocks come back to us.
//: modes native leak pass
//: plugin exchanges.so plugins/exchanges.c
#include "../check.h"

int main(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/exchanges.so", getenv("PLUGINS"));
  void* plugin = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
  if (plugin == NULL) fprintf(stderr, "%s\n", dlerror());
  CHECK(plugin != NULL);
  if (plugin == NULL) return check_result();
  void* (*give)(unsigned long) = (void* (*)(unsigned long))dlsym(plugin, "give");
  void* (*grow)(void*, unsigned long) = (void* (*)(void*, unsigned long))dlsym(plugin, "grow");
  void (*take)(void*) = (void (*)(void*))dlsym(plugin, "take");
  for (unsigned long bytes = 1; bytes < 100000; bytes *= 3) {
    char* block = grow(give(bytes), bytes * 2);
    CHECK(block != NULL && block[0] == 7);
    take(block);
    free(malloc(bytes));
  }
  dlclose(plugin);
  return check_result();
}
