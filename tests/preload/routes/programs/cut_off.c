// Forks while two threads do nothing but cut blocks, resize them and take them back, so that the child finds
// each of them somewhere in the middle of it. Its own threads, which go on where those stopped, get blocks of
// the size that they ask for. CUT_OFF_FORKS (default 200) in the environment.
#include "../../check.h"

enum { kCutting = 2, kMostCut = 1500, kBytes = 5000 };

static volatile int stop;

static void* cut(void* seed) {
  unsigned state = (unsigned)(uintptr_t)seed;
  void* const kept = opaque(malloc(100));  // without it each block would be its chunk's last
  while (!stop) {
    state = state * 1664525 + 1013904223;
    const size_t bytes = (state >> 16) % (kMostCut / 2) + 1;
    void* block = NULL;
    if (state >> 30 == 0) {
      CHECK(posix_memalign(&block, 256, bytes) == 0);
    } else {
      block = opaque(malloc(bytes));
    }
    if (state >> 30 == 1) block = opaque(realloc(block, bytes + kMostCut / 2));
    free(block);
  }
  free(kept);
  return NULL;
}

// One behind the other, each while those before it live: what the cutting threads had is shared out.
static void* go_on(void* left) {
  unsigned char* block = opaque(malloc(kBytes));
  if (block == NULL || malloc_usable_size(block) < kBytes) _exit(2);
  if ((uintptr_t)left > 1) {
    pthread_t next;
    if (pthread_create(&next, NULL, go_on, (void*)((uintptr_t)left - 1)) != 0) _exit(3);
    pthread_join(next, NULL);
  }
  if (malloc_usable_size(block) < kBytes) _exit(4);
  block = opaque(realloc(block, 3 * kBytes));
  if (block == NULL || malloc_usable_size(block) < 3 * kBytes) _exit(5);
  free(block);
  return NULL;
}

int main(void) {
  const char* wanted = getenv("CUT_OFF_FORKS");
  const int forks = wanted != NULL ? atoi(wanted) : 200;
  pthread_t threads[kCutting];
  for (int i = 0; i < kCutting; ++i) {
    CHECK(pthread_create(&threads[i], NULL, cut, (void*)(uintptr_t)(i + 1)) == 0);
  }
  int bad = 0;
  for (int i = 0; i < forks; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      pthread_t first;
      if (pthread_create(&first, NULL, go_on, (void*)(uintptr_t)kCutting) != 0) _exit(3);
      pthread_join(first, NULL);
      _exit(0);
    }
    int status = 1;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status != 0 && bad++ == 0) fprintf(stderr, "child %d ends with status %#x\n", i, status);
  }
  if (bad != 0) fprintf(stderr, "%d of %d children fail\n", bad, forks);
  CHECK(bad == 0);
  stop = 1;
  for (int i = 0; i < kCutting; ++i) pthread_join(threads[i], NULL);
  return check_result();
}
