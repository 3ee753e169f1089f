// Threads that allocate, reallocate and free each other's blocks in every way, under a limit of LIMIT bytes
// on what lives, which is often reached. Each thread adds to `held` what it has after it has got it, and
// subtracts before it frees: so `held` is never more than what lives, and must never be more than the limit.
// In the end all is freed, and exactly the limit must fit again. Arguments: LIMIT THREADS ROUNDS.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kSlots = 512, kThreads = 16 };
struct block {
  void* start;
  size_t bytes;
};
static struct block slots[kSlots];
static pthread_mutex_t locks[kSlots];
static atomic_long held, highest, failures, successes;
static long limit, rounds;

static void add(long bytes) {
  const long now = atomic_fetch_add(&held, bytes) + bytes;
  long before = atomic_load(&highest);
  while (now > before && !atomic_compare_exchange_weak(&highest, &before, now)) {
  }
}

static void* allocate(unsigned* seed, size_t bytes) {
  void* block = NULL;
  switch (rand_r(seed) % 4) {
    case 0:
      return malloc(bytes);
    case 1:
      return calloc(1, bytes);
    case 2:
      return posix_memalign(&block, 128, bytes) == 0 ? block : NULL;
    default:
      return realloc(NULL, bytes);
  }
}

static void resize(struct block* b, size_t bytes) {
  // While it is resized nobody can say how much of it lives.
  atomic_fetch_sub(&held, (long)b->bytes);
  void* moved = realloc(b->start, bytes);
  if (moved != NULL) {
    b->start = moved;
    b->bytes = bytes;
    atomic_fetch_add(&successes, 1);
  } else {
    atomic_fetch_add(&failures, 1);
  }
  add((long)b->bytes);
}

static void* work(void* number) {
  unsigned seed = (unsigned)(long)number;
  for (long i = 0; i < rounds; ++i) {
    const int slot = rand_r(&seed) % kSlots;
    const size_t bytes = (size_t)(rand_r(&seed) % 8000 + 1);
    pthread_mutex_lock(&locks[slot]);
    struct block* b = &slots[slot];
    if (b->start == NULL) {
      b->start = allocate(&seed, bytes);
      b->bytes = b->start != NULL ? bytes : 0;
      add((long)b->bytes);
      atomic_fetch_add(b->start != NULL ? &successes : &failures, 1);
    } else if (rand_r(&seed) % 3 == 0) {
      resize(b, bytes);
    } else {
      atomic_fetch_sub(&held, (long)b->bytes);
      free(b->start);
      b->start = NULL;
    }
    pthread_mutex_unlock(&locks[slot]);
    if (i % 1000 == 999 && number == 0) {
      const pid_t child = fork();  // while the others are in the middle of it
      if (child == 0) _exit(0);
      waitpid(child, NULL, 0);
    }
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  limit = atol(argv[1]);
  const long threads = atol(argv[2]);
  rounds = atol(argv[3]);
  for (int i = 0; i < kSlots; ++i) pthread_mutex_init(&locks[i], NULL);
  pthread_t thread[kThreads];
  for (long i = 0; i < threads; ++i) pthread_create(&thread[i], NULL, work, (void*)i);
  for (long i = 0; i < threads; ++i) pthread_join(thread[i], NULL);
  for (int i = 0; i < kSlots; ++i) free(slots[i].start);
  // What threads leave behind (their stacks' bookkeeping) is libc's, and not under the limit's condition.
  void* whole = malloc((size_t)limit);
  void* more = malloc(1);
  printf("within %d failed %d succeeded %d whole %d more %d\n", atomic_load(&highest) <= limit,
         atomic_load(&failures) > 0, atomic_load(&successes) > 0, whole != NULL, more != NULL);
  free(whole);
  free(more);
  return 0;
}
