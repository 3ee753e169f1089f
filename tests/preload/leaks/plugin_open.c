// A leak in a plug-in that is still loaded.
//: plugin loses.so plugins/loses.c -DNAME=lose_in_plugin
//: leak direct 90 1 lose_in_plugin < enter < main
#include "lose.h"

int main(void) {
  void* plugin = open_plugin("loses.so", RTLD_NOW);
  void (*enter)(unsigned long);
  *(void**)&enter = dlsym(plugin, "enter");
  enter(90);
  scrub();
  return 0;
}
