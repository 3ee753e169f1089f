// A program that damages a block, or does not, and then dies: crashes HOW DAMAGE [WHERE]
//
//   HOW     access, jump, divide, illegal, bus, abort, raise, kill;
//           handled: by a handler of its own, which ends it with 3; reset: by one that is called once;
//           default: that set SIGSEGV to SIG_DFL; free: it damages another block, and frees the first;
//           asks: ends with the number of these signals' actions that are not SIG_DFL
//   DAMAGE  0 or 1
//   WHERE   main, thread or child
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // sigset

#define FRAME __attribute__((noinline, noclone))

static volatile int zero;

static void on_signal(int number) {
  (void)number;
  _exit(3);
}
static void on_signal_once(int number) {
  (void)number;
}

FRAME static void damage(volatile char* block) {
  block[24] = 'x';
}

FRAME static void access_nothing(void) {
  *(volatile int*)8 = 1;
}

FRAME static int asks(void) {
  static const int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  int others = 0;
  for (size_t i = 0; i < sizeof kSignals / sizeof *kSignals; ++i) {
    struct sigaction now;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(kSignals[i], NULL, &now);
    others += now.sa_handler != SIG_DFL || now.sa_flags != 0;
    others += sigaction(kSignals[i], &action, &now) != 0 || now.sa_handler != SIG_DFL;
    others += signal(kSignals[i], SIG_IGN) != on_signal;
    others += signal(kSignals[i], SIG_DFL) != SIG_IGN;
    others += signal(kSignals[i], SIG_DFL) != SIG_DFL;
    others += sigset(kSignals[i], on_signal) != SIG_DFL;
    others += sigset(kSignals[i], SIG_DFL) != on_signal;
  }
  return others;
}

FRAME static int die(const char* how) {
  if (strcmp(how, "jump") == 0) ((void (*)(void))(uintptr_t)16)();
  if (strcmp(how, "divide") == 0) zero = 7 / zero;
  if (strcmp(how, "illegal") == 0) __asm__ volatile("ud2");
  if (strcmp(how, "bus") == 0) {
    FILE* empty = tmpfile();
    *(volatile char*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(empty), 0) = 1;
  }
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "raise") == 0) return raise(SIGSEGV) + 97;
  if (strcmp(how, "kill") == 0) return kill(getpid(), SIGABRT) + 97;
  if (strcmp(how, "handled") == 0) signal(SIGSEGV, on_signal);
  if (strcmp(how, "default") == 0) signal(SIGSEGV, SIG_DFL);
  if (strcmp(how, "reset") == 0) {
    struct sigaction once = {.sa_handler = on_signal_once, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGSEGV, &once, NULL);
  }
  if (strcmp(how, "asks") == 0) return asks();
  access_nothing();
  return 99;
}

FRAME static void* fault(void* words) {
  char** argv = words;
  char* block = malloc(24);
  if (argv[2][0] == '1') damage(block);
  if (strcmp(argv[1], "free") == 0) {
    damage(malloc(24));
    free(block);
  }
  return (void*)(intptr_t)die(argv[1]);
}

int main(int argc, char** argv) {
  if (argc < 3) return 98;
  const char* where = argc > 3 ? argv[3] : "main";
  if (strcmp(where, "thread") == 0) {
    pthread_t thread;
    void* result = NULL;
    pthread_create(&thread, NULL, fault, argv);
    pthread_join(thread, &result);
    return (int)(intptr_t)result;
  }
  if (strcmp(where, "child") == 0 && fork() != 0) {
    int status = 0;
    wait(&status);
    if (WIFSIGNALED(status)) {
      signal(WTERMSIG(status), SIG_DFL);
      raise(WTERMSIG(status));
    }
    return WEXITSTATUS(status);
  }
  return (int)(intptr_t)fault(argv);
}
