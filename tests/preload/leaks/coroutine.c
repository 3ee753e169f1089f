// A suspended coroutine's stack, on the heap or mapped, holds what it points to.
#include <sys/mman.h>
#include <ucontext.h>

#include "lose.h"

static ucontext_t outside, inside[2];
static const size_t kStack = 128 << 10;
static char* heap_stack;

FRAME static void run(int which) {
  void* volatile mine = malloc(110);
  swapcontext(&inside[which], &outside);
  free(mine);
}

int main(void) {
  heap_stack = malloc(kStack);
  void* mapped = mmap(NULL, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* stacks[2] = {heap_stack, mapped};
  for (int i = 0; i < 2; ++i) {
    getcontext(&inside[i]);
    inside[i].uc_stack.ss_sp = stacks[i];
    inside[i].uc_stack.ss_size = kStack;
    inside[i].uc_link = &outside;
    makecontext(&inside[i], (void (*)(void))run, 1, i);
    swapcontext(&outside, &inside[i]);
  }
  scrub();
  return 0;
}
