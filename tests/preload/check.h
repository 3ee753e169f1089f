// For programs that test libc's rules: CHECK says which rule did not hold; check_result() is main's status.
#pragma once
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int check_failures;

// How often a loop runs: in scripts/test, and in scripts/test --all.
static inline int times_to_repeat(int usual, int all) {
  const char* tests = getenv("TESTS");
  return tests != NULL && strcmp(tests, "all") == 0 ? all : usual;
}

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      __atomic_add_fetch(&check_failures, 1, __ATOMIC_SEQ_CST);                      \
    }                                                                                \
  } while (0)

static inline int check_result(void) {
  return check_failures == 0 ? 0 : 1;
}

// The compiler knows nothing about where this pointer comes from or how many bytes it points to.
static inline void* opaque(void* block) {
  __asm__ volatile("" : "+r"(block)::"memory");
  return block;
}

static inline size_t opaque_size(size_t bytes) {
  __asm__ volatile("" : "+r"(bytes));
  return bytes;
}

static inline void* open_plugin(const char* name, int flags) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", getenv("PLUGINS"), name);
  void* handle = dlopen(path, flags);
  if (handle == NULL) fprintf(stderr, "dlopen: %s\n", dlerror());
  CHECK(handle != NULL);
  return handle;
}
