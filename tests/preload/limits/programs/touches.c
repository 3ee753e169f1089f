// Touches MEGABYTES of memory in blocks of 100000 bytes, or as many as the second argument says, until one is
// refused; frees all; and again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long size = 100000;

static int touch(long bytes) {
  static void* blocks[100000];
  int n = 0;
  for (long at = 0; at < bytes; at += size) {
    void* block = malloc((size_t)size);
    if (block == NULL) break;
    memset(block, 1, (size_t)size);
    blocks[n++] = block;
  }
  for (int i = 0; i < n; ++i) free(blocks[i]);
  return n;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (argc > 2) size = atol(argv[2]);
  const long bytes = atol(argv[1]) << 20;
  const int first = touch(bytes);
  const int second = touch(bytes);
  printf("%d %d of %ld\n", first, second, (bytes + size - 1) / size);
  return 0;
}
