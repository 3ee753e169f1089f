// Handlers for every real-time signal but the report signal, or with "one" for two; threads that run, and some
// that block all signals. After checks the handlers are there, and signals that threads had blocked come.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t seen;
static int ready, go_on;
static void on(int number) {
  seen = number;
}

static void* runs(void* unused) {
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&go_on, __ATOMIC_SEQ_CST) == 0) sched_yield();
  return unused;
}
static void* blocks(void* unused) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  runs(unused);
  pthread_sigmask(SIG_SETMASK, &old, NULL);  // whatever was sent meanwhile comes now
  return unused;
}

int main(int count, char** arguments) {
  const int some = count > 1 && strcmp(arguments[1], "some") == 0;
  int wrong = 0;
  const int first = some ? 60 : SIGRTMIN;
  for (int n = first; n <= SIGRTMAX; ++n) {
    if (n != 63) signal(n, on);
  }
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, i % 2 ? runs : blocks, NULL);
  while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) != 4) sched_yield();
  raise(63);
  seen = 0;
  for (int n = first; n <= SIGRTMAX; ++n) {
    if (n == 63) continue;
    struct sigaction now;
    sigaction(n, NULL, &now);
    raise(n);
    wrong += now.sa_handler != on || seen != n;
  }
  for (int n = SIGRTMIN; n < first; ++n) {
    struct sigaction now;
    sigaction(n, NULL, &now);
    wrong += now.sa_handler != SIG_DFL;
  }
  __atomic_store_n(&go_on, 1, __ATOMIC_SEQ_CST);
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  printf("%d wrong\n", wrong);
  return 5;
}
