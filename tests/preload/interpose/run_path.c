// dlopen searches relative to the library that calls it, so its run path still leads to its neighbour.
//: modes native leak pass
//: plugin finds.so plugins/finds_neighbour.c -Wl,-rpath,$ORIGIN/beside
//: plugin beside/libneighbour.so plugins/neighbour.c
#include "../check.h"

int main(void) {
  void* plugin = open_plugin("finds.so", RTLD_NOW);
  if (plugin == NULL) return 1;
  void* (*open_neighbour)(void) = (void* (*)(void))dlsym(plugin, "open_neighbour");
  void* neighbour = open_neighbour();
  if (neighbour == NULL) fprintf(stderr, "%s\n", dlerror());
  CHECK(neighbour != NULL && dlsym(neighbour, "neighbour") != NULL);
  CHECK(dlopen("libneighbour.so", RTLD_NOW | RTLD_NOLOAD) == neighbour);
  return check_result();
}
