// A leak in a plug-in that is gone when the report is made: its names and its file are known all the same.
//: plugin loses.so plugins/loses.c -DNAME=lose_in_plugin
//: leak direct 90 1 lose_in_plugin < enter < main
//: stderr in lose_in_plugin \S*plugins/loses\.c:6.*in enter \S*plugins/loses\.c:10
#include "lose.h"

int main(void) {
  void* plugin = open_plugin("loses.so", RTLD_NOW);
  void (*enter)(unsigned long);
  *(void**)&enter = dlsym(plugin, "enter");
  enter(90);
  dlclose(plugin);
  scrub();
  return 0;
}
