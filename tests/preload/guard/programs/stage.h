// Where a fault happens, and what makes the library look. Each program here is a function fault(): $WHERE
// says whether main calls it, a thread, a fork's child, or a plug-in that is built of the same file.
//
// The roles have names that the reports must hold: make, drop and regrow (blocks.h), damage, look.
#pragma once
#include <malloc.h>

#include "lose.h"

#ifdef __cplusplus
extern "C"
#endif
    int
    fault(int argc, char** argv);

static inline int is(const char* word, const char* other) {
  return strcmp(word, other) == 0;
}

// The compiler does not know where this pointer comes from, nor how many bytes it points to.
static inline char* opaque(void* block) {
  __asm__ volatile("" : "+r"(block)::"memory");
  return (char*)block;
}

static inline size_t number(const char* text) {
  return (size_t)strtoll(text, NULL, 0);
}

// Changes each byte, whatever it was.
FRAME static void damage(volatile char* at, size_t count) {
  for (size_t i = 0; i < count; ++i) at[i] = (char)~at[i];
}

static inline void wait_for(int milliseconds) {
  struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  while (nanosleep(&pause, &pause) != 0) {
  }
}

// Lets what `when` names find the damage of a block that stays as it is.
FRAME static void look(const char* when) {
  if (is(when, "exit")) return;
  if (is(when, "signal")) {
    kill(getpid(), 63);
    wait_for((int)number(getenv("PATIENCE")));  // a check that finds something ends the program
    return;
  }
  if (is(when, "period")) wait_for(20);
  if (is(when, "calls") || is(when, "period")) {
    for (int i = 0; i < 50; ++i) free(opaque(malloc(40)));  // a thread reads the clock every few calls
    return;
  }
  if (is(when, "quarantine")) {
    for (int i = 0; i < 40000; ++i) free(opaque(malloc(24)));
    for (int i = 0; i < 100; ++i) free(opaque(malloc(1 << 20)));
    return;
  }
  require(0, when);
}

#ifndef PLUGIN
static int global_argc;
static char** global_argv;

FRAME static void* on_thread(void* unused) {
  (void)unused;
  return (void*)(intptr_t)fault(global_argc, global_argv);
}

FRAME static int in_child(void) {
  fflush(stdout);
  pid_t child = fork();
  require(child >= 0, "fork");
  if (child == 0) exit(fault(global_argc, global_argv));
  int status = 0;
  require(waitpid(child, &status, 0) == child, "waitpid");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

FRAME static int in_plugin(void) {
  int (*plugged)(int, char**) = (int (*)(int, char**))dlsym(open_plugin("fault.so", RTLD_NOW), "fault");
  return plugged(global_argc, global_argv);
}

int main(int argc, char** argv) {
  const char* where = getenv("WHERE");
  global_argc = argc;
  global_argv = argv;
  if (where == NULL || is(where, "main")) return fault(argc, argv);
  if (is(where, "child")) return in_child();
  if (is(where, "plugin")) return in_plugin();
  require(is(where, "thread"), where);
  pthread_t thread;
  void* status;
  require(pthread_create(&thread, NULL, on_thread, NULL) == 0, "pthread_create");
  pthread_join(thread, &status);
  return (int)(intptr_t)status;
}
#endif
