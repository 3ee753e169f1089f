// A hundred thousand threads, eight at a time. Each leaves two blocks: the main thread releases one at once
// and one when fifty further groups are gone. What they take together after 10,000 threads, they take after
// 100,000. THREADS (default 100000) in the environment.
#include "../../check.h"

enum { kGroup = 8, kLate = 50, kWhile = 24 };

struct Left {
  unsigned char *early, *late;
  size_t bytes;
};

static void* work(void* to) {
  struct Left* left = to;
  unsigned char* blocks[kWhile];
  for (size_t i = 0; i < kWhile; ++i) {
    blocks[i] = malloc(i * i * 11 % 3000 + 1);
    blocks[i][0] = (unsigned char)i;
  }
  left->early = memset(malloc(left->bytes), 1, left->bytes);
  left->late = memset(malloc(left->bytes), 2, left->bytes);
  for (size_t i = 0; i < kWhile; ++i) {
    CHECK(blocks[i][0] == (unsigned char)i);
    free(blocks[i]);
  }
  return NULL;
}

static void release(unsigned char* block, unsigned char holds, size_t bytes) {
  if (block == NULL) return;
  CHECK(block[0] == holds && block[bytes - 1] == holds);
  free(block);
}

static long resident_kib(void) {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  CHECK(fscanf(file, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * 4;
}

int main(void) {
  const char* wanted = getenv("THREADS");
  const int groups = (wanted != NULL ? atoi(wanted) : 100000) / kGroup;
  static struct Left left[kLate][kGroup];
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  long after_tenth = 0;
  for (int group = 0; group < groups && check_failures < 4; ++group) {
    struct Left* now = left[group % kLate];
    pthread_t threads[kGroup];
    for (int i = 0; i < kGroup; ++i) {
      release(now[i].late, 2, now[i].bytes);
      now[i].bytes = (size_t)(group * 37 + i * 501) % 5000 + 1;
      CHECK(pthread_create(&threads[i], &small, work, &now[i]) == 0);
    }
    for (int i = 0; i < kGroup; ++i) {
      pthread_join(threads[i], NULL);
      release(now[i].early, 1, now[i].bytes);
    }
    if (group == groups / 10) after_tenth = resident_kib();
  }
  const long at_end = resident_kib();
  const int bounded = at_end <= after_tenth + after_tenth / 10 + 2048;
  if (!bounded)
    fprintf(stderr, "%ld KiB after a tenth of the threads, %ld KiB at the end\n", after_tenth, at_end);
  CHECK(bounded);
  for (int group = 0; group < kLate; ++group)
    for (int i = 0; i < kGroup; ++i) release(left[group][i].late, 2, left[group][i].bytes);
  return check_result();
}
