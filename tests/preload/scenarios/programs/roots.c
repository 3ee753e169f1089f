// Blocks that are held in one place each, every one a place that is easily left out; their sizes tell which. One
// block of 99 bytes is lost. Then the program waits for its standard input to end.
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <ucontext.h>

#include "lose.h"

enum { PAGE = 4096, STACK = 1 << 17 };

static char beside[STACK + PAGE] __attribute__((aligned(PAGE)));

static char* map(size_t bytes, int flags, int fd) {
  char* memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
  require(memory != MAP_FAILED, "mmap");
  return memory;
}

static char* anonymous(size_t bytes) {
  return map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

// Puts the only pointer to a block of `bytes` there.
FRAME static void keep(void* place, size_t bytes) {
  *(void**)place = malloc(bytes);
}

static pthread_barrier_t barrier;

static void* meet(void* unused) {
  free(malloc(10));
  pthread_barrier_wait(&barrier);
  return unused;
}

// What lies where the stack of a thread was that is gone: glibc keeps eight of these, and unmaps the rest.
static void where_threads_were(void) {
  enum { THREADS = 12 };
  pthread_t threads[THREADS];
  pthread_barrier_init(&barrier, NULL, THREADS);
  for (int i = 0; i < THREADS; ++i)
    require(pthread_create(&threads[i], NULL, meet, NULL) == 0, "pthread_create");
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  char* memory = anonymous(64 << 20);
  for (int i = 0; i < 64; ++i) keep(memory + ((size_t)i << 20) + 512, 1000);
}

static void* until_the_end(void* unused) {
  free(malloc(10));
  pthread_barrier_wait(&barrier);
  pause();
  return unused;
}

static void* at_once(void* unused) {
  free(malloc(10));
  return unused;
}

static void on(char* stack, void* (*body)(void*), int join) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, stack, STACK);
  pthread_t thread;
  if (!join) pthread_barrier_init(&barrier, NULL, 2);
  require(pthread_create(&thread, &attributes, body, NULL) == 0, "pthread_create");
  if (join) {
    pthread_join(thread, NULL);
  } else {
    pthread_barrier_wait(&barrier);
  }
}

// Variables in front of and behind stacks that the program gave its threads, and what an ended one left there.
static void beside_stacks(void) {
  keep(beside + STACK + 64, 1001);
  on(beside, at_once, 1);
  char* memory = anonymous(2 * PAGE + STACK);
  keep(memory + 64, 1002);
  keep(memory + PAGE + STACK + 64, 1003);
  on(memory + PAGE, until_the_end, 0);
  char* ended = anonymous(STACK);
  on(ended, at_once, 1);
  keep(ended + 64, 1004);
}

static ucontext_t here, there;

static void coroutine(void) {
  void* volatile local;
  keep((void*)&local, 1005);
  swapcontext(&there, &here);
}

// Two stacks of coroutines in one mapping, neither running.
static void on_coroutines(void) {
  static char* stacks;
  stacks = anonymous(2 * STACK);
  getcontext(&there);
  there.uc_stack.ss_sp = stacks + STACK;
  there.uc_stack.ss_size = STACK;
  makecontext(&there, coroutine, 0);
  swapcontext(&here, &there);
  keep(stacks + 64, 1006);
}

static void closed(void) {
  char* memory = anonymous(3 * PAGE);
  keep(memory, 1010);
  keep(memory + PAGE, 1011);
  require(mprotect(memory, PAGE, PROT_READ) == 0 && mprotect(memory + PAGE, PAGE, PROT_NONE) == 0,
          "mprotect");
  char* block = aligned_alloc(PAGE, 3 * PAGE);
  keep(anonymous(PAGE), 1012);
  *(char**)anonymous(PAGE) = block;
  keep(block + PAGE, 1013);
  keep(block + 2 * PAGE, 1014);
  require(mprotect(block + PAGE, PAGE, PROT_NONE) == 0 && mprotect(block + 2 * PAGE, PAGE, PROT_READ) == 0,
          "mprotect");
}

static int memory_file(void) {
  const int fd = memfd_create("roots", 0);
  require(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0, "memfd_create");
  return fd;
}

static void shared(void) {
  keep(map(PAGE, MAP_SHARED | MAP_ANONYMOUS, -1), 1020);
  const int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
  void* attached = id >= 0 ? shmat(id, NULL, 0) : (void*)-1;
  require(attached != (void*)-1, "shmat");
  shmctl(id, IPC_RMID, NULL);
  keep(attached, 1021);
  const int fd = memory_file();
  keep(map(PAGE, MAP_SHARED, fd), 1022);
  char* sealed = map(PAGE, MAP_SHARED, memory_file());
  keep(sealed, 1023);
  require(mprotect(sealed, PAGE, PROT_READ) == 0, "mprotect");
  FILE* file = tmpfile();
  require(file != NULL && ftruncate(fileno(file), 2 * PAGE) == 0, "tmpfile");
  keep(map(PAGE, MAP_SHARED, fileno(file)), 1024);
  char* copy = map(PAGE, MAP_PRIVATE, fileno(file));
  keep(copy, 1025);
  require(mprotect(copy, PAGE, PROT_READ) == 0, "mprotect");
  // Nothing may be looked for behind the end of a file that was cut.
  const int cut = memory_file();
  char* both = map(2 * PAGE, MAP_SHARED, cut);
  memset(both, 1, 2 * PAGE);
  keep(both + 64, 1026);
  require(ftruncate(cut, PAGE) == 0, "ftruncate");
}

static void not_in_a_child(void) {
  char* memory = anonymous(4 * PAGE);
  keep(memory, 1030);
  keep(memory + 2 * PAGE, 1031);
  require(madvise(memory, PAGE, MADV_DONTFORK) == 0, "MADV_DONTFORK");
  require(madvise(memory + 2 * PAGE, PAGE, MADV_WIPEONFORK) == 0, "MADV_WIPEONFORK");
  char* block = aligned_alloc(PAGE, 4 * PAGE);
  *(char**)anonymous(PAGE) = block;
  keep(block + PAGE, 1032);
  require(madvise(block + PAGE, PAGE, MADV_DONTFORK) == 0, "MADV_DONTFORK");
  char* wiped = aligned_alloc(PAGE, 4 * PAGE);
  *(char**)anonymous(PAGE) = wiped;
  keep(wiped + PAGE, 1033);
  require(madvise(wiped + PAGE, PAGE, MADV_WIPEONFORK) == 0, "MADV_WIPEONFORK");
}

// Addresses that weir takes its own memory from.
static void in_zones(void) {
  for (uintptr_t zone = 0x2c; zone <= 0x3c; zone += 4) {
    char* memory = mmap((void*)((zone << 40) + ((uintptr_t)1 << 36)), PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory == MAP_FAILED) memory = anonymous(PAGE);
    keep(memory, 1040);
  }
}

static char* volatile past;

static void behind_ends(void) {
  past = (char*)malloc(8) + 8;
  keep(anonymous(PAGE), 1050);
}

FRAME static void lose(void) {
  require(malloc(99) != NULL, "malloc");
}

int main(void) {
  where_threads_were();
  beside_stacks();
  on_coroutines();
  closed();
  shared();
  not_in_a_child();
  in_zones();
  behind_ends();
  lose();
  scrub();
  puts("ready");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  return 0;
}
