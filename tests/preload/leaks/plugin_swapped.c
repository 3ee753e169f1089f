// Two plug-ins at the same address, one after the other: each leak has the names of its own.
//: plugin first.so plugins/loses.c -DNAME=lose_first
//: plugin other.so plugins/loses.c -DNAME=lose_other
//: leak direct 270 3 lose_first < enter < use < main
//: leak direct 273 3 lose_other < enter < use < main
//: stdout same address
#include "lose.h"

FRAME static void* use(const char* name, unsigned long bytes) {
  void* plugin = open_plugin(name, RTLD_NOW);
  void (*enter)(unsigned long);
  *(void**)&enter = dlsym(plugin, "enter");
  enter(bytes);
  void* address = *(void**)&enter;
  dlclose(plugin);
  return address;
}

int main(void) {
  int same = 1;
  for (int i = 0; i < 3; ++i) {
    uintptr_t first = (uintptr_t)use("first.so", 90);
    same &= first == (uintptr_t)use("other.so", 91);
  }
  puts(same ? "same address" : "different addresses");
  scrub();
  return 0;
}
