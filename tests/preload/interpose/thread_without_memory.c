// Threads whose first allocation finds no memory, because of RLIMIT_AS: nullptr and ENOMEM; later it works.
//: modes native leak pass
#include "../check.h"

#include <sys/resource.h>

enum { kThreads = 8, kMost = 4096 };
static pthread_barrier_t begin, refused, again;
static void* kept[kMost];

static void* work(void* of) {
  const size_t bytes = (size_t)of;
  pthread_barrier_wait(&begin);
  errno = 0;
  void* block = opaque(malloc(bytes));
  CHECK(block != NULL || errno == ENOMEM);
  free(block);
  errno = 0;
  CHECK(opaque(malloc(1ul << 30)) == NULL && errno == ENOMEM);
  pthread_barrier_wait(&refused);
  pthread_barrier_wait(&again);
  for (int i = 0; i < 1000; ++i) {
    block = opaque(malloc(bytes));
    CHECK(block != NULL);
    free(block);
  }
  return NULL;
}

static rlim_t mapped(void) {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%ld", &pages) == 1);
  fclose(file);
  return (rlim_t)pages * 4096;
}

int main(void) {
  static const size_t sizes[kThreads] = {16, 1000, 100000, 10, 3000, 65536, 8, 8};
  pthread_barrier_init(&begin, NULL, kThreads + 1);
  pthread_barrier_init(&refused, NULL, kThreads + 1);
  pthread_barrier_init(&again, NULL, kThreads + 1);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) pthread_create(&threads[i], &attributes, work, (void*)sizes[i]);
  struct rlimit before, low;
  getrlimit(RLIMIT_AS, &before);
  low = before;
  low.rlim_cur = mapped();
  setrlimit(RLIMIT_AS, &low);
  int count = 0;
  for (size_t bytes = 1 << 20; bytes >= 16; bytes /= 2) {
    while (count < kMost && (kept[count] = malloc(bytes)) != NULL) ++count;
  }
  pthread_barrier_wait(&begin);
  pthread_barrier_wait(&refused);
  setrlimit(RLIMIT_AS, &before);
  pthread_barrier_wait(&again);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  while (count != 0) free(kept[--count]);
  return check_result();
}
