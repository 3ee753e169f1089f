// Spans that go back in odd ways. Usage: spans_go_back twice | locked | late
//   twice   a large block is freed twice: said, and what is handed out next is zero where it must be
//   locked  pages that the system does not take back (mlock) are not taken for zero
//   late    threads whose first allocation is in a key's destructor leave nothing behind
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../check.h"

enum { kBytes = 200 << 10, kLocked = 60 << 10, kThreads = 2000 };

static int is_zero(const unsigned char* block, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    if (block[i] != 0) return 0;
  }
  return 1;
}

static void twice(void) {
  char* volatile block = memset(malloc(kBytes), 0x41, kBytes);
  free(block);
  free(block);
  CHECK(is_zero(calloc(1, kBytes), kBytes));
}

static void locked(void) {
  char* volatile block = malloc(kLocked);
  CHECK(mlock(block, kLocked) == 0);
  memset(block, 7, kLocked);
  free(block);
  malloc_trim(0);
  CHECK(is_zero(calloc(1, kLocked), kLocked));
}

static pthread_key_t key;

static void allocate_late(void* unused) {
  (void)unused;
  for (int i = 0; i < 40; ++i) free(memset(malloc(1000), 1, 1000));
}

static void* thread(void* unused) {
  pthread_setspecific(key, &key);
  return unused;
}

static long resident(void) {
  long size = 0, pages = 0;
  FILE* file = fopen("/proc/self/statm", "re");
  CHECK(file != NULL && fscanf(file, "%ld %ld", &size, &pages) == 2);
  fclose(file);
  return pages / 256;
}

static void late(void) {
  CHECK(pthread_key_create(&key, allocate_late) == 0);
  for (int i = 0; i < kThreads; ++i) {
    pthread_t id;
    CHECK(pthread_create(&id, NULL, thread, NULL) == 0);
    pthread_join(id, NULL);
  }
  CHECK(resident() < 40);
}

int main(int count, char** arguments) {
  CHECK(count == 2);
  if (strcmp(arguments[1], "twice") == 0) twice();
  if (strcmp(arguments[1], "locked") == 0) locked();
  if (strcmp(arguments[1], "late") == 0) late();
  return check_result();
}
