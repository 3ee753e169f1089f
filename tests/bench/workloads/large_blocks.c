// What clearing freed blocks could cost most: large blocks, one byte of each page touched.
// Usage: large_blocks COUNT
#include <stdlib.h>

int main(int argc, char** argv) {
  const long count = argc > 1 ? atol(argv[1]) : 60000;
  unsigned seed = 1;
  for (long i = 0; i < count; ++i) {
    seed = seed * 1103515245 + 12345;
    const size_t bytes = 60000 + (seed >> 8) % 1040000;
    char* volatile block = malloc(bytes);
    for (size_t at = 0; at < bytes; at += 4096) block[at] = 1;
    free(block);
  }
  return 0;
}
