// posix_spawn and system: the child is checked for itself, with what it prints unchanged.
//: stdout spawned
//: stdout by system
//: leak direct 40 1 lose < main
#include <spawn.h>

#include "lose.h"

extern char** environ;
FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  pid_t child;
  char* arguments[] = {"echo", "spawned", NULL};
  require(posix_spawn(&child, "/bin/echo", NULL, NULL, arguments, environ) == 0, "posix_spawn");
  int status = 0;
  waitpid(child, &status, 0);
  require(status == 0 && system("echo by system") == 0, "system");
  lose();
  scrub();
  return 0;
}
