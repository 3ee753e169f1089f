// Threads come and go, in the long tests a hundred thousand; what each leaves behind is bounded.
//: modes native leak pass
//: levels O2
#include "../check.h"

static void* work(void* unused) {
  void* blocks[8];
  for (size_t i = 0; i < 8; ++i) blocks[i] = malloc(i * 100);
  for (size_t i = 0; i < 8; ++i) free(blocks[i]);
  return unused;
}

static long resident_kib(void) {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(fscanf(file, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * 4;
}

int main(void) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  const int last = times_to_repeat(700, 10000);
  const int first = times_to_repeat(200, 500);
  const long allowed = last * 2;  // KiB: 200 bytes a thread
  long after_first = 0;
  for (int round = 0; round < last; ++round) {
    pthread_t threads[10];
    for (int i = 0; i < 10; ++i) CHECK(pthread_create(&threads[i], &small, work, NULL) == 0);
    for (int i = 0; i < 10; ++i) pthread_join(threads[i], NULL);
    if (round == first) after_first = resident_kib();
    if (check_failures > 3) break;
  }
  const long grown = resident_kib() - after_first;
  if (grown >= allowed) fprintf(stderr, "grew by %ld KiB\n", grown);
  CHECK(grown < allowed);
  return check_result();
}
