// A signal stack, or a coroutine's, in the middle of a stack: the frames below it, which were interrupted, are live.
//: levels O1
#include <ucontext.h>

#include "lose.h"

static ucontext_t outside, inside;

static void leave(void) {
  scrub();
  exit(0);
}
static void handle(int number) {
  (void)number;
  leave();
}

FRAME static int run(char* stack, size_t bytes) {
  void* volatile held[50];
  for (int i = 0; i < 50; ++i) held[i] = malloc(30);
  if (bytes != 0) {
    getcontext(&inside);
    inside.uc_stack.ss_sp = stack;
    inside.uc_stack.ss_size = bytes;
    makecontext(&inside, leave, 0);
    swapcontext(&outside, &inside);
  }
  raise(SIGUSR1);
  return held[0] == NULL;
}

static void* on_signal_stack(void* unused) {
  char stack[256 << 10];
  const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&other, NULL);
  run(stack, 0);
  return unused;
}

int main(void) {
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  sigaction(SIGUSR1, &action, NULL);
  const pid_t child = fork();
  if (child == 0) on_signal_stack(NULL);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) return 2;
  if (fork() == 0) {
    char stack[256 << 10];
    run(stack, sizeof stack);
  }
  wait(&status);
  if (status != 0) return 3;
  pthread_t thread;
  pthread_create(&thread, NULL, on_signal_stack, NULL);
  pthread_join(thread, NULL);
  return 1;
}
