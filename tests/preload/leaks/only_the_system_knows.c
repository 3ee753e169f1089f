// A signal stack whose address nobody has kept but the system.
#include "lose.h"

FRAME static void give(void) {
  stack_t other = {.ss_size = SIGSTKSZ};
  other.ss_sp = malloc(other.ss_size);
  sigaltstack(&other, NULL);
}

int main(void) {
  give();
  scrub();
  return 0;
}
