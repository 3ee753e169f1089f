// A coroutine without a successor returns, which ends the process; main's stack, from where it was entered, is live.
#include <ucontext.h>

#include "lose.h"

static ucontext_t outside, inside;
static char stack[64 << 10];

FRAME static void run(void) {
  scrub();
}

int main(void) {
  void* volatile held[50];
  for (int i = 0; i < 50; ++i) held[i] = malloc(30);
  getcontext(&inside);
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = sizeof stack;
  inside.uc_link = NULL;
  makecontext(&inside, run, 0);
  swapcontext(&outside, &inside);
  return held[0] == NULL;
}
