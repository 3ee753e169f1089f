// vfork's child shares our memory: it execs or leaves, and the parent's books stay right.
//: leak direct 40 1 lose < main
//: stdout executed
//: flags -Wno-deprecated-declarations
#include "lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

FRAME static int status_of(int executes) {
  const pid_t child = vfork();
  if (child == 0) {
    if (executes) execl("/bin/echo", "echo", "executed", NULL);
    _exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}

int main(void) {
  lose();
  scrub();
  require(status_of(1) == 0 && status_of(0) == 3, "vfork");
  scrub();
  return 0;
}
