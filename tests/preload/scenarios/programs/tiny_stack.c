// Threads run on stacks of 2 KiB in the heap, too small for the frame of a signal, when checks are made.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { kStack = 2048, kThreads = 3 };
static int running;
static unsigned char* before[kThreads];
static char* stacks[kThreads];

static void run(void) {
  __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
  for (;;) __asm__ volatile("pause");
}

static void* begin(void* of) {
  const long i = (long)of;
  ucontext_t context;
  getcontext(&context);
  before[i] = malloc(kStack);
  stacks[i] = malloc(kStack);
  memset(before[i], 0x77, kStack);
  context.uc_stack.ss_sp = stacks[i];
  context.uc_stack.ss_size = kStack;
  makecontext(&context, run, 0);
  setcontext(&context);
  return NULL;
}

int main(void) {
  pthread_t thread;
  for (long i = 0; i < kThreads; ++i) pthread_create(&thread, NULL, begin, (void*)i);
  while (__atomic_load_n(&running, __ATOMIC_SEQ_CST) != kThreads) sched_yield();
  raise(63);
  int touched = 0;
  for (int i = 0; i < kThreads; ++i) {
    for (int n = 0; n < kStack; ++n) touched += before[i][n] != 0x77;
  }
  printf("%d changed\n", touched);
  return 5;
}
