// For programs that lose blocks: what keeps the compiler and old stack slots from finding them again.
#pragma once
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// A function that stays a frame of its own.
#define FRAME __attribute__((noipa, used))

// Overwrites what earlier calls left below the caller's frame.
FRAME static void scrub(void) {
  volatile char old[65536];
  for (size_t i = 0; i < sizeof old; ++i) old[i] = 0;
}

// Ends the program with a message when the test itself cannot go on.
static inline void require(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "test program: %s failed: %s\n", what, strerror(errno));
  exit(99);
}

static inline void* open_plugin(const char* name, int flags) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", getenv("PLUGINS"), name);
  void* handle = dlopen(path, flags);
  if (handle == NULL) fprintf(stderr, "test program: %s\n", dlerror());
  require(handle != NULL, "dlopen");
  return handle;
}
