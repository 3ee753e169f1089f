// Another library to preload beside weir.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void say(void) {
  extern char* program_invocation_short_name;
  if (strcmp(program_invocation_short_name, "loses") == 0) write(1, "other preload\n", 14);
}
