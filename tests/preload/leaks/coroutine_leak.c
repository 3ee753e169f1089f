// A leak inside a coroutine: the stack ends where the coroutine began.
//: leak direct 40 1 lose < run*
#include <ucontext.h>

#include "lose.h"

static ucontext_t outside, inside;
static char stack[128 << 10];

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

FRAME static void run(void) {
  lose();
  scrub();
}

int main(void) {
  getcontext(&inside);
  inside.uc_stack.ss_sp = stack;
  inside.uc_stack.ss_size = sizeof stack;
  inside.uc_link = &outside;
  makecontext(&inside, run, 0);
  swapcontext(&outside, &inside);
  scrub();
  return 0;
}
