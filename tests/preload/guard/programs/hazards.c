// What a guard could break: hazards.c CASE. Programs that are right, unless a comment says which line is not.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../../shim/weir.h"

static volatile int stop;
static volatile int ready;
static char* volatile shared;

static void* churn(void* seed) {
  void* block[64] = {0};
  unsigned x = (unsigned)(long)seed;
  while (!stop) {
    x = x * 1103515245 + 12345;
    const int i = (x >> 8) & 63;
    free(block[i]);
    const size_t bytes = (x >> 16) % 300;
    block[i] = malloc(bytes);
    memset(block[i], 1, bytes);
  }
  for (int i = 0; i < 64; ++i) free(block[i]);
  return NULL;
}

// Checks by signal come in the middle of periodic ones, of all threads.
static int checks_meet(void) {
  pthread_t thread[3];
  for (long i = 0; i < 3; ++i) pthread_create(&thread[i], NULL, churn, (void*)(i + 1));
  for (int i = 0; i < 25; ++i) {
    kill(getpid(), 63);
    usleep(10000);
  }
  stop = 1;
  for (int i = 0; i < 3; ++i) pthread_join(thread[i], NULL);
  return 0;
}

// Threads that block every signal go on while all blocks are checked.
static int some_go_on(void) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread[2];
  for (long i = 0; i < 2; ++i) pthread_create(&thread[i], NULL, churn, (void*)(i + 1));
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  for (int i = 0; i < 30000; ++i) free(malloc((size_t)(i % 50)));
  stop = 1;
  for (int i = 0; i < 2; ++i) pthread_join(thread[i], NULL);
  return 0;
}

static void* free_twice(void* block) {
  ready = 1;
  free(block);
  free(block);  // wrong
  return NULL;
}

// The child must not wait for the report of a thread that it does not have.
static int fork_in_report(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, free_twice, malloc(16));
  while (!ready) usleep(100);
  usleep(3000);
  const pid_t child = fork();
  if (child == 0) {
    free_twice(malloc(32));
    _exit(5);
  }
  int status = 0;
  waitpid(child, &status, 0);
  pthread_join(thread, NULL);
  return WEXITSTATUS(status) == 5 ? 0 : 1;
}

static void misuse(int number) {
  (void)number;
  free_twice(malloc(16));
}

// The report does not need what a signal stack has.
static int small_stack(void) {
  static char room[8192];
  const stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
  struct sigaction action = {.sa_handler = misuse, .sa_flags = SA_ONSTACK};
  sigaltstack(&stack, NULL);
  sigaction(SIGUSR1, &action, NULL);
  return raise(SIGUSR1);
}

// The memory of a scope serves others once it has ended, whatever of it was freed before.
static int scopes_end(void) {
  for (int round = 0; round < 200; ++round) {
    weir_scope* scope = weir_scope_enter(NULL);
    if (scope == NULL) return 1;
    char* block[64];
    for (size_t i = 0; i < 64; ++i) {
      block[i] = malloc(100 + i);
      memset(block[i], round, 100 + i);
    }
    for (int i = 0; i < 64; i += 2) free(block[i]);
    weir_scope_leave(scope);
  }
  return 0;
}

// What the scopes took out of the quarantine does not weigh in it any more.
static int scopes_weigh_nothing(void) {
  if (scopes_end() != 0) return 1;
  char* volatile block = malloc(40);
  free(block);
  for (int i = 0; i < 200; ++i) {
    void* volatile other = malloc(40);
    free(other);
  }
  block[3] = 1;  // wrong, and held back still
  return 0;
}

// Other threads push the blocks of a scope out of the quarantine while it ends.
static void* free_on(void* nothing) {
  (void)nothing;
  while (!stop) {
    void* volatile block = malloc(40);
    free(block);
  }
  return NULL;
}

static int scopes_beside_frees(void) {
  pthread_t thread[3];
  for (int i = 0; i < 3; ++i) pthread_create(&thread[i], NULL, free_on, NULL);
  int status = 0;
  for (int round = 0; round < 100 && status == 0; ++round) status = scopes_end();
  stop = 1;
  for (int i = 0; i < 3; ++i) pthread_join(thread[i], NULL);
  return status;
}

// Memory that was never touched stays untouched.
static int sparse(void) {
  char* block = malloc((size_t)1 << 30);
  block[5] = 1;
  free(block);
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return use.ru_maxrss < 100 * 1024 ? 0 : 1;
}

// A realloc that fails leaves the block, damaged or not.
static int realloc_fails(void) {
  char* volatile block = malloc(16);
  block[16] = 1;  // wrong
  if (realloc(block, (size_t)1 << 60) != NULL) return 1;
  block[0] = 2;
  free(block);
  return 0;
}

// What is held back is counted as large as it is.
static int holds_large(void) {
  for (int i = 0; i < 20; ++i) {
    char* volatile block = malloc((size_t)32 << 20);
    for (size_t at = 0; at < (size_t)32 << 20; at += 4096) block[at] = 1;
    free(block);
  }
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  return use.ru_maxrss < 200 * 1024 ? 0 : 1;
}

static void* free_and_wait(void* unused) {
  (void)unused;
  shared = malloc(40);
  free(shared);
  ready = 1;
  pause();
  return NULL;
}

// What another thread freed last is still looked at in the child.
static int freed_elsewhere(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, free_and_wait, NULL);
  while (!ready) usleep(100);
  const pid_t child = fork();
  if (child == 0) {
    shared[3] = 1;  // wrong
    exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  _exit(WIFSIGNALED(status) ? 7 : WEXITSTATUS(status));
}

int main(int count, char** arguments) {
  static const struct {
    const char* name;
    int (*run)(void);
  } kCases[] = {
      {"checks_meet", checks_meet},
      {"some_go_on", some_go_on},
      {"fork_in_report", fork_in_report},
      {"small_stack", small_stack},
      {"scopes_end", scopes_end},
      {"sparse", sparse},
      {"realloc_fails", realloc_fails},
      {"freed_elsewhere", freed_elsewhere},
      {"holds_large", holds_large},
      {"scopes_weigh_nothing", scopes_weigh_nothing},
      {"scopes_beside_frees", scopes_beside_frees},
  };
  for (size_t i = 0; count > 1 && i < sizeof kCases / sizeof *kCases; ++i) {
    if (strcmp(kCases[i].name, arguments[1]) == 0) return kCases[i].run();
  }
  return 99;
}
