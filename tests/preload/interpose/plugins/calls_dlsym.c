// For looks_up_late.c: stands in front of functions that an allocator calls, as faketime and profilers of locks do, and
// finds the real ones at the first call; each call allocates, too.
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int calls_of_others;

static void* find(void** known, const char* name) {
  __atomic_add_fetch(&calls_of_others, 1, __ATOMIC_RELAXED);
  if (*known == NULL) *known = dlsym(RTLD_NEXT, name);
  static __thread int inside;
  if (inside++ == 0) {
    char* volatile text = strdup(name);
    free(text);
  }
  --inside;
  return *known;
}

#define STANDS_FOR(result, name, parameters, arguments)         \
  result name parameters {                                      \
    static void* real;                                          \
    return ((result(*) parameters)find(&real, #name))arguments; \
  }

STANDS_FOR(int, clock_gettime, (clockid_t clock, struct timespec* to), (clock, to))
STANDS_FOR(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
STANDS_FOR(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
STANDS_FOR(int, pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex))
STANDS_FOR(int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t* attributes),
           (mutex, attributes))
STANDS_FOR(int, pthread_setspecific, (pthread_key_t key, const void* value), (key, value))
STANDS_FOR(int, sched_getcpu, (void), ())
STANDS_FOR(long, sysconf, (int name), (name))
STANDS_FOR(int, open, (const char* path, int flags, int mode), (path, flags, mode))
STANDS_FOR(int, close, (int fd), (fd))
