// Ends in the way its argument names, with nothing lost.
#include "../../lose.h"

static void handler(void) {
  write(1, "handler\n", 8);
}

int main(int argc, char** argv) {
  require(argc == 2, "arguments");
  atexit(handler);
  at_quick_exit(handler);
  free(malloc(100));
  switch (argv[1][0]) {
    case 'e':
      exit(41);
    case '_':
      _exit(42);
    case 'E':
      _Exit(43);
    case 'q':
      quick_exit(44);
    default:
      return 45;
  }
}
