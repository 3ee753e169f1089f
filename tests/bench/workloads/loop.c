/* malloc and free in a loop, and what a pair of them took.
 *
 *   loop pair DEPTH PAIRS [FRAMES]      one size, one place, at this call depth
 *   loop walk DEPTH PAIRS [FRAMES]      from a tree of calls there, so that no stack is the last one's
 *   loop replace THREADS PAIRS          threads at once, each with a thousand blocks of many sizes
 *
 * With FRAMES, each malloc is preceded by unw_backtrace for so many frames: what taking a stack costs without
 * weir. Prints nanoseconds a pair: of the threads' CPU,
 * and of the clock from the first start to the last end. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kMostFrames = 1024, kMostThreads = 64, kSlots = 1000, kBlock = 64 };

typedef int (*Backtrace)(void**, int);
static Backtrace backtrace_of;
static void* frames[kMostFrames];
static int frames_wanted;

static double now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline __attribute__((always_inline)) void pair(void) {
  if (backtrace_of != NULL) backtrace_of(frames, frames_wanted);
  char* p = malloc(kBlock);
  *(volatile char*)p = 1;
  free(p);
}

/* Each pair's stack is another one than that of the pair before. */
static __attribute__((noinline)) void branch(int level) {
  pair();
  if (level > 0) {
    branch(level - 1);
    pair();
    branch(level - 1);
  }
  __asm__ volatile("" ::: "memory");
}

static void many_pairs(long pairs) {
  for (long i = 0; i < pairs; ++i) pair();
}

static void many_walks(long pairs) {
  enum { kLevels = 3, kPairsOfOne = 22 };
  for (long i = 0; i < pairs; i += kPairsOfOne) branch(kLevels);
}

/* Calls what to do from DEPTH frames. */
static __attribute__((noinline)) void descend(int depth, void (*act)(long), long pairs) {
  if (depth <= 1) {
    act(pairs);
  } else {
    descend(depth - 1, act, pairs);
  }
  __asm__ volatile("" ::: "memory"); /* no tail call */
}

struct Worker {
  pthread_t thread;
  pthread_barrier_t* start;
  long pairs;
  uint32_t seed;
  double began, ended, cpu;
};

static __attribute__((noinline)) void replace(struct Worker* w) {
  static const size_t kSizes = 512;
  void** slots = calloc(kSlots, sizeof(void*));
  uint32_t seed = w->seed;
  for (long i = 0; i < w->pairs; ++i) {
    seed = seed * 1664525 + 1013904223;
    void** slot = &slots[(seed >> 16) % kSlots];
    free(*slot);
    *slot = malloc(16 + (seed >> 8) % kSizes);
    *(volatile char*)*slot = 1;
  }
  for (int i = 0; i < kSlots; ++i) free(slots[i]);
  free(slots);
}

static void* work(void* argument) {
  struct Worker* w = argument;
  pthread_barrier_wait(w->start);
  w->began = now(CLOCK_MONOTONIC);
  const double cpu = now(CLOCK_THREAD_CPUTIME_ID);
  replace(w);
  w->cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
  w->ended = now(CLOCK_MONOTONIC);
  return NULL;
}

static int replace_in_threads(int threads, long pairs) {
  static struct Worker workers[kMostThreads];
  pthread_barrier_t start;
  if (threads < 1 || threads > kMostThreads) return 2;
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  for (int i = 0; i < threads; ++i) {
    workers[i] = (struct Worker){.start = &start, .pairs = pairs, .seed = (uint32_t)i * 77 + 1};
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) return 1;
  }
  double began = 0, ended = 0, cpu = 0;
  for (int i = 0; i < threads; ++i) {
    pthread_join(workers[i].thread, NULL);
    if (i == 0 || workers[i].began < began) began = workers[i].began;
    if (i == 0 || workers[i].ended > ended) ended = workers[i].ended;
    cpu += workers[i].cpu;
  }
  const double all = (double)pairs * threads;
  printf("%.3f %.3f\n", cpu / all, (ended - began) / all);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int count = atoi(argv[2]);
  const long pairs = atol(argv[3]);
  if (strcmp(argv[1], "replace") == 0) return replace_in_threads(count, pairs);

  if (argc > 4) {
    frames_wanted = atoi(argv[4]);
    void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || frames_wanted > kMostFrames) return 1;
    backtrace_of = (Backtrace)(uintptr_t)dlsym(library, "unw_backtrace");
    if (backtrace_of == NULL) return 1;
  }
  void (*act)(long) = strcmp(argv[1], "walk") == 0 ? many_walks : many_pairs;
  descend(count, act, pairs / 20); /* warm */
  const double cpu = now(CLOCK_THREAD_CPUTIME_ID), clock = now(CLOCK_MONOTONIC);
  descend(count, act, pairs);
  printf("%.3f %.3f\n", (now(CLOCK_THREAD_CPUTIME_ID) - cpu) / (double)pairs,
         (now(CLOCK_MONOTONIC) - clock) / (double)pairs);
  return 0;
}
