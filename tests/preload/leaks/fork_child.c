// Parent and child report their own leaks, each once; what was lost before the fork is the parent's.
//: leak direct 30 1 lose < main
//: child leak direct 50 1 lose < in_child < main
//: stdout 23
#include "lose.h"

static void* volatile kept;
FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}
FRAME static void in_child(void) {
  lose(50);
}

int main(void) {
  kept = malloc(20);
  lose(30);
  scrub();
  const pid_t child = fork();
  if (child == 0) {
    in_child();
    scrub();
    exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("%d\n", WEXITSTATUS(status));
  scrub();
  return 0;
}
