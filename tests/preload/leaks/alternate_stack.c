// A signal handler on its own stack loses a block and holds another; frames go on through the signal.
//: leak direct 40 1 lose < handle << raise* << main
#include "lose.h"

static char stack[256 << 10];

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

FRAME static void handle(int number) {
  void* volatile held = malloc(50);
  lose();
  scrub();
  exit(number == SIGUSR1 && held != NULL ? 0 : 1);
}

int main(void) {
  stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&other, NULL);
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  return 1;
}
