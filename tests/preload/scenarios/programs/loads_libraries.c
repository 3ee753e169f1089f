// Loads the libraries of its arguments, and calls lose_0, lose_1, ... in them.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    char name[32];
    snprintf(name, sizeof name, "lose_%d", i - 1);
    void* const library = dlopen(argv[i], RTLD_NOW);
    void (*lose)(void) = library != NULL ? (void (*)(void))dlsym(library, name) : NULL;
    if (lose == NULL) return 1;
    lose();
  }
  return 0;
}
