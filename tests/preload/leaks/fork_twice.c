// A grandchild's leak is reported once, by the grandchild.
//: child leak direct 50 1 lose < main
#include "lose.h"

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

int main(void) {
  if (fork() == 0) {
    if (fork() == 0) {
      lose(50);
      scrub();
      exit(0);
    }
    int status = 0;
    wait(&status);
    exit(WEXITSTATUS(status) == 23 ? 0 : 1);
  }
  int status = 0;
  wait(&status);
  return WEXITSTATUS(status);
}
