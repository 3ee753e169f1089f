// The libc underneath: the next versions of functions that weir stands in front of, looked up once at start. They are
// libc's, or those of a library behind weir that stands in front of libc as well.
//
// Foreign blocks (from libc's own malloc, by way of RTLD_DEEPBIND or a second namespace) go back to it.
#pragma once

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cstddef>

namespace weir::libc {

struct Functions {
  void (*free)(void*);
  void* (*realloc)(void*, std::size_t);
  std::size_t (*malloc_usable_size)(void*);
  void* (*dlopen)(const char*, int);
  int (*dlclose)(void*);
  void* (*dlsym)(void*, const char*);
  void* (*dlvsym)(void*, const char*, const char*);
  void (*exit_now)(int);  // _exit
  void (*quick_exit)(int);
  int (*setname)(pthread_t, const char*);
  int (*sigaction)(int, const struct sigaction*, struct sigaction*);
  sighandler_t (*signal)(int, sighandler_t);
  sighandler_t (*sysv_signal)(int, sighandler_t);
  sighandler_t (*sigset)(int, sighandler_t);
  int (*sigignore)(int);
  int (*sigaltstack)(const stack_t*, stack_t*);
  int (*sigwait)(const sigset_t*, int*);
  int (*sigwaitinfo)(const sigset_t*, siginfo_t*);
  int (*sigtimedwait)(const sigset_t*, siginfo_t*, const struct timespec*);
  int (*signalfd)(int, const sigset_t*, int);
  pid_t (*waitpid)(pid_t, int*, int);
  pid_t (*wait4)(pid_t, int*, int, struct rusage*);
  int (*waitid)(idtype_t, id_t, siginfo_t*, int);
};

extern Functions next;

// libc's dlsym and dlvsym, with weir for the caller; past everybody's dlsym, its own too, since that of
// another preloaded library may allocate.
void* look_up(void* handle, const char* name) noexcept;
void* look_up_version(void* handle, const char* name, const char* version) noexcept;

// Fills what is still empty. Needs a loader that has relocated us; dlsym may allocate, which is safe then.
void find() noexcept;

// libc's own clock_gettime, for the same reason.
int read_clock(clockid_t clock, timespec& to) noexcept;

// Calls that a cold path makes with a block that is not ours.
// Without libc's function the block is left alone.
void free_foreign(void* block) noexcept;
void* realloc_foreign(void* block, std::size_t bytes) noexcept;
std::size_t usable_size_foreign(void* block) noexcept;

}  // namespace weir::libc
