// A plug-in is loaded and unloaded thousands of times; what each time leaves behind is small.
//: modes native leak pass
//: levels O2
//: plugin exchanges.so plugins/exchanges.c
#include "../check.h"

static long resident_kib(void) {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(fscanf(file, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * 4;
}

int main(void) {
  const int last = times_to_repeat(3000, 10000);
  const long allowed = last;  // KiB: one for each time
  long after_first = 0;
  for (int round = 0; round < last; ++round) {
    void* plugin = open_plugin("exchanges.so", RTLD_NOW);
    if (plugin == NULL) break;
    void* (*give)(unsigned long) = (void* (*)(unsigned long))dlsym(plugin, "give");
    free(give(100));
    dlclose(plugin);
    if (round == 1000) after_first = resident_kib();
  }
  const long grown = resident_kib() - after_first;
  if (grown >= allowed) fprintf(stderr, "grew by %ld KiB\n", grown);
  CHECK(grown < allowed);
  return check_result();
}
