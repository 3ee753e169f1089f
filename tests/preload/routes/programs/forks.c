// Two threads fork while four allocate and release each other's blocks. The children check what they
// inherited, release it, allocate, and end by exit, _exit, or an exec of this program, which allocates in
// turn. FORKS (of each of the two threads, default 60) in the environment.
#include "../../check.h"

enum { kSlots = 512, kAllocating = 4, kForking = 2, kInherited = 300 };

static void* slots[kSlots];
static volatile int stop;
static const char* own_path;
static int forks_each = 60;

static void* exchange(void* seed) {
  unsigned state = (unsigned)(uintptr_t)seed;
  if (state % 2) pthread_setname_np(pthread_self(), "worker");
  while (!stop) {
    state = state * 1664525 + 1013904223;
    const size_t bytes = (state >> 12) % ((state >> 28) == 0 ? 200000 : 900) + 1;
    unsigned char* fresh = malloc(bytes);
    CHECK(fresh != NULL);
    fresh[0] = fresh[bytes - 1] = (unsigned char)state;
    free(__atomic_exchange_n(&slots[(state >> 8) % kSlots], fresh, __ATOMIC_ACQ_REL));
  }
  return NULL;
}

static size_t size_of(size_t i) {
  return i * i % 7000 + 1;
}

static void* allocate_some(void* unused) {
  for (size_t i = 0; i < 100; ++i) free(realloc(malloc(i * 50), i * 99 + 1));
  return unused;
}

__attribute__((noreturn)) static void child(unsigned char** inherited, int number) {
  for (size_t i = 0; i < kInherited; ++i) {
    if (inherited[i][0] != (unsigned char)i || inherited[i][size_of(i) - 1] != (unsigned char)i) _exit(2);
    if (i % 3 == 0) inherited[i] = realloc(inherited[i], size_of(i) + 500);
    free(inherited[i]);
    inherited[i] = NULL;
  }
  if (number % 4 == 0) {
    execl(own_path, own_path, "again", (char*)NULL);
    _exit(3);
  }
  pthread_t thread;
  if (pthread_create(&thread, NULL, allocate_some, NULL) != 0) _exit(4);
  allocate_some(NULL);
  pthread_join(thread, NULL);
  const pid_t grandchild = number % 8 == 1 ? fork() : -1;
  if (grandchild == 0) {
    allocate_some(NULL);
    exit(0);
  }
  int status = 0;
  if (grandchild > 0) waitpid(grandchild, &status, 0);
  if (status != 0) _exit(5);
  if (number % 2) _exit(0);
  exit(0);
}

static void* forks(void* first) {
  for (int number = 0; number < forks_each; ++number) {
    unsigned char** inherited = first;
    for (size_t i = 0; i < kInherited; ++i) inherited[i] = memset(malloc(size_of(i)), (int)i, size_of(i));
    const pid_t pid = fork();
    if (pid == 0) child(inherited, number);
    int status = 1;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status != 0) fprintf(stderr, "child %d ends with status %#x\n", number, status);
    CHECK(status == 0);
    for (size_t i = 0; i < kInherited; ++i) {
      CHECK(inherited[i][size_of(i) - 1] == (unsigned char)i);
      free(inherited[i]);
      inherited[i] = NULL;
    }
  }
  return NULL;
}

int main(int argc, char** argv) {
  own_path = "/proc/self/exe";
  if (argc > 1) {
    allocate_some(argv);
    return 0;
  }
  if (getenv("FORKS") != NULL) forks_each = atoi(getenv("FORKS"));
  static unsigned char* inherited[kForking][kInherited];
  pthread_t threads[kAllocating + kForking];
  for (int i = 0; i < kAllocating; ++i)
    pthread_create(&threads[i], NULL, exchange, (void*)(uintptr_t)(i + 1));
  for (int i = 0; i < kForking; ++i) pthread_create(&threads[kAllocating + i], NULL, forks, inherited[i]);
  for (int i = 0; i < kForking; ++i) pthread_join(threads[kAllocating + i], NULL);
  stop = 1;
  for (int i = 0; i < kAllocating; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < kSlots; ++i) free(slots[i]);
  return check_result();
}
