// threads_alive ALIVE DEPTH TOTAL: starts threads that allocate once, DEPTH calls deep, and wait; ALIVE of them live at a
// time, TOTAL in all. Prints its resident KiB when the first ALIVE do, again after a fourth and after all of TOTAL
// (each time with ALIVE of them), and when all have ended: how much more than before the first.
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { kMostAlive = 10000 };

static struct Thread {
  pthread_t id;
  sem_t go_on;
} threads[kMostAlive];
static sem_t allocated;
static int depth;

static long resident_kib(void) {
  char text[128] = "";
  long pages = 0;
  int fd = open("/proc/self/statm", O_RDONLY);
  if (read(fd, text, sizeof text - 1) <= 0 || sscanf(text, "%*s %ld", &pages) != 1) abort();
  close(fd);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static __attribute__((noinline)) void* allocate(int calls, int size) {
  void* volatile block = calls > 1 ? allocate(calls - 1, size) : malloc((size_t)size);
  return block;
}

static void* thread(void* argument) {
  struct Thread* self = argument;
  void* block = allocate(depth, 100);
  // As many paths as are deep, so that the branches of its memory for stacks are needed too.
  for (int i = 1; i < depth; ++i) free(allocate(i, 100));
  sem_post(&allocated);
  sem_wait(&self->go_on);
  free(block);
  return NULL;
}

static void start(struct Thread* t, const pthread_attr_t* attributes) {
  sem_init(&t->go_on, 0, 0);
  if (pthread_create(&t->id, attributes, thread, t) != 0) {
    printf("no more threads\n");
    exit(0);
  }
  sem_wait(&allocated);
}

static void end(struct Thread* t) {
  sem_post(&t->go_on);
  pthread_join(t->id, NULL);
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int alive = atoi(argv[1]), total = atoi(argv[3]);
  depth = atoi(argv[2]);
  if (alive > kMostAlive) return 2;
  for (int i = 0; i < alive; ++i) threads[i].id = 0;  // touched before the first look
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  sem_init(&allocated, 0, 0);
  const long before = resident_kib();
  for (int i = 0; i < alive; ++i) start(&threads[i], &attributes);
  printf("first %ld\n", resident_kib() - before);
  for (int i = alive; i < total; ++i) {
    if (i == (alive + total) / 4) printf("later %ld\n", resident_kib() - before);
    end(&threads[i % alive]);
    start(&threads[i % alive], &attributes);
  }
  printf("last %ld\n", resident_kib() - before);
  for (int i = 0; i < alive; ++i) end(&threads[i]);
  printf("ended %ld\n", resident_kib() - before);
  return 0;
}
