// fork beside threads that flush all streams, read lines and use the heap: fork waits for glibc's lock of the list
// of streams, whoever has that for a stream, and whoever has that for the heap.
//: modes native leak pass
#include "../check.h"

enum { kEach = 2 };
static int stop, forks;
static int goes_on(void) {
  return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void* fork_children(void* unused) {
  while (goes_on()) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(child > 0 && waitpid(child, NULL, 0) == child);
    if (__atomic_add_fetch(&forks, 1, __ATOMIC_SEQ_CST) >= times_to_repeat(15, 100)) stop = 1;
  }
  return unused;
}
static void* flush_all(void* unused) {
  while (goes_on()) fflush(NULL);
  return unused;
}
static void* read_lines(void* unused) {
  while (goes_on()) {
    FILE* file = fopen("/proc/self/maps", "r");
    char* line = NULL;
    size_t room = 0;
    while (file != NULL && getline(&line, &room, file) > 0) {
    }
    free(line);
    if (file != NULL) fclose(file);
  }
  return unused;
}
static void* use_heap(void* unused) {
  while (goes_on()) {
    void* blocks[40];
    for (int i = 0; i < 40; ++i) blocks[i] = malloc(50000 + (size_t)i * 4000);
    for (int i = 0; i < 40; ++i) free(blocks[i]);
  }
  return unused;
}

int main(void) {
  void* (*const kinds[])(void*) = {fork_children, flush_all, read_lines, use_heap};
  pthread_t threads[4 * kEach];
  for (int i = 0; i < 4 * kEach; ++i) pthread_create(&threads[i], NULL, kinds[i % 4], NULL);
  for (int i = 0; i < 4 * kEach; ++i) pthread_join(threads[i], NULL);
  return check_result();
}
