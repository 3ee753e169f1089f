// A large block of which little was touched takes no more memory after it has grown to another place.
//: modes native leak
//: levels O2
#include <stdint.h>

#include "../check.h"

enum { kPage = 4096, kEvery = 64 };
static const size_t kBytes = (size_t)256 << 20;

static size_t resident(void) {
  FILE* file = fopen("/proc/self/statm", "r");
  size_t all = 0;
  size_t pages = 0;
  CHECK(fscanf(file, "%zu %zu", &all, &pages) == 2);
  fclose(file);
  return pages * kPage;
}

static void fill(unsigned char* block, size_t from, size_t to) {
  for (size_t at = from; at < to; at += (size_t)kEvery * kPage) block[at + 5] = (unsigned char)(at >> 18 | 1);
}

static void verify(const unsigned char* block, size_t bytes) {
  for (size_t at = 0; at < bytes; at += (size_t)kEvery * kPage)
    CHECK(block[at + 5] == (unsigned char)(at >> 18 | 1));
}

int main(void) {
  const size_t before = resident();
  unsigned char* block = malloc(kBytes);
  fill(block, 0, kBytes);
  size_t bytes = kBytes;
  for (int round = 0; round < 3; ++round) {
    void* neighbour = malloc(kBytes);  // so that it cannot grow where it lies
    block = realloc(block, bytes + kBytes);
    CHECK(block != NULL);
    verify(block, bytes);
    fill(block, bytes, bytes + kBytes);
    bytes += kBytes;
    free(neighbour);
  }
  // 4096 touched pages, and what allocators keep.
  CHECK(resident() - before < (size_t)64 << 20);
  block = realloc(block, kBytes / 2);
  verify(block, kBytes / 2);
  free(block);
  return check_result();
}
