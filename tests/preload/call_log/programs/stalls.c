// Threads that a signal stops wherever they are, also within a line of the log, while another thread makes
// files full; then they go on. Each is stopped for another number of files. Ends after FILES.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

enum { kStalled = 12, kLinesOfFile = 12000 };  // a file of 1 MiB has a few more
static atomic_long pushed;
static atomic_int over;

static void make(size_t bytes) {
  void* volatile block = malloc(bytes);
  free(block);
}

// The thread's next calls take no lock of the allocator, which the others would wait for.
static _Thread_local volatile int is_warm;

static void warm_up(void) {
  for (int i = 0; i < 100; ++i) make(24);
  is_warm = 1;
}

static void stand_still(int signal) {
  (void)signal;
  if (!is_warm) return;
  static atomic_uint seed = 1;
  const unsigned files = (atomic_fetch_add(&seed, 7919) >> 3) % 8 + 1;
  const long until = atomic_load(&pushed) + (long)files * kLinesOfFile;
  const struct timespec a_moment = {0, 100000};
  while (atomic_load(&pushed) < until && !atomic_load(&over)) nanosleep(&a_moment, NULL);
}

static void* work(void* nothing) {
  (void)nothing;
  warm_up();
  while (!atomic_load(&over)) make(24);
  return NULL;
}

static void* push(void* nothing) {
  (void)nothing;
  while (!atomic_load(&over)) {
    make(24);
    atomic_fetch_add(&pushed, 2);
  }
  return NULL;
}

int main(int argc, char** argv) {
  const long most = (argc > 1 ? atol(argv[1]) : 100) * kLinesOfFile;
  signal(SIGUSR1, stand_still);
  pthread_t thread[kStalled + 1];
  for (int i = 0; i < kStalled; ++i) pthread_create(&thread[i], NULL, work, NULL);
  pthread_create(&thread[kStalled], NULL, push, NULL);
  const struct timespec a_moment = {0, 100000};
  for (int i = 0; atomic_load(&pushed) < most; i = (i + 1) % kStalled) {
    pthread_kill(thread[i], SIGUSR1);
    nanosleep(&a_moment, NULL);
  }
  atomic_store(&over, 1);
  for (int i = 0; i <= kStalled; ++i) pthread_join(thread[i], NULL);
  return 0;
}
