// Touches MEGABYTES of memory in blocks of 100000 bytes, until one is refused; frees all; and again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int touch(long bytes) {
  static void *blocks[100000];
  int n = 0;
  for (long at = 0; at < bytes; at += 100000) {
    void *block = malloc(100000);
    if (block == NULL) break;
    memset(block, 1, 100000);
    blocks[n++] = block;
  }
  for (int i = 0; i < n; ++i) free(blocks[i]);
  return n;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  const long bytes = atol(argv[1]) << 20;
  const int first = touch(bytes);
  const int second = touch(bytes);
  printf("%d %d of %ld\n", first, second, (bytes + 99999) / 100000);
  return 0;
}
