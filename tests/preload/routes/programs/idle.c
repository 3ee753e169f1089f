// A hundred MiB in blocks of all sizes, then nothing: what nobody asks for goes back to the system while the
// program does little. The blocks are released by their own thread (own), or by another one while theirs
// waits (waits), or after theirs has ended (gone).
//
// args: own, waits or gone
#include "../../check.h"

enum { kMost = 400000, kPeakKib = 100 << 10, kLeftKib = 35 << 10, kTenths = 50 };

static unsigned char* blocks[kMost];
static int count;
static int release_too;
static pthread_barrier_t barrier;

static long resident_kib(void) {
  static char text[256];
  FILE* file = fopen("/proc/self/statm", "r");
  long pages = 0;
  CHECK(fgets(text, sizeof text, file) != NULL && sscanf(text, "%*d %ld", &pages) == 1);
  fclose(file);
  return pages * 4;
}

static void release_all(void) {
  while (count > 0) free(blocks[--count]);
}

static void* allocate(void* waits) {
  size_t bytes = 0;
  while (count < kMost && bytes < (size_t)kPeakKib << 10) {
    const size_t size = 16 + (size_t)count * 7919 % (count % 50 == 0 ? 20000 : 500);
    blocks[count] = malloc(size);
    memset(blocks[count++], 1, size);
    bytes += size;
  }
  CHECK(bytes >= (size_t)kPeakKib << 10);
  if (release_too) release_all();
  pthread_barrier_wait(&barrier);
  if (waits != NULL) pthread_barrier_wait(&barrier);
  return NULL;
}

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "own";
  const int waits = strcmp(how, "gone") != 0;
  release_too = strcmp(how, "own") == 0;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, allocate, waits ? &thread : NULL) == 0);
  pthread_barrier_wait(&barrier);
  if (!waits) pthread_join(thread, NULL);
  if (!release_too) CHECK(resident_kib() > kPeakKib);
  release_all();
  long left = 0;
  for (int tenth = 0; tenth < kTenths; ++tenth) {
    for (size_t i = 0; i < 3000; ++i) blocks[i] = malloc(i * 13 % 3000);
    for (size_t i = 0; i < 3000; ++i) free(blocks[i]);
    left = resident_kib();
    if (left < kLeftKib) break;
    usleep(100000);
  }
  if (left >= kLeftKib) fprintf(stderr, "%s: %ld KiB are left\n", how, left);
  CHECK(left < kLeftKib);
  if (waits) {
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
  }
  return check_result();
}
