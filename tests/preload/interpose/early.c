// Heap calls before main: from DT_PREINIT_ARRAY, from constructors of the program and of a library.
//: modes native leak pass
//: plugin libearly.so plugins/early.c
//: flags -L$PLUGINS -Wl,-rpath,$PLUGINS -Wl,--no-as-needed -learly
#include "../check.h"

static char *from_preinit, *from_constructor;

static void preinit(int argc, char** argv, char** environment) {
  (void)argc, (void)argv, (void)environment;
  from_preinit = strcpy(malloc(1000), "preinit");
  free(realloc(calloc(10, 10), 5000));
}
__attribute__((section(".preinit_array"), used)) static void (*const entry)(int, char**, char**) = preinit;

__attribute__((constructor(101))) static void construct(void) {
  from_constructor = strcpy(malloc(1000), "constructor");
  from_preinit = realloc(from_preinit, 3000);
}

extern char* early_block(void);

int main(void) {
  CHECK(strcmp(from_preinit, "preinit") == 0 && malloc_usable_size(from_preinit) >= 3000);
  CHECK(strcmp(from_constructor, "constructor") == 0);
  CHECK(strcmp(early_block(), "library") == 0);
  free(early_block());
  free(from_preinit);
  free(from_constructor);
  return check_result();
}
