// A million live blocks, and a request to check them all.
#include <signal.h>
#include <stdlib.h>

enum { kBlocks = 1000000, kBytes = 64 };

int main(void) {
  void** blocks = malloc(kBlocks * sizeof *blocks);
  for (int i = 0; i < kBlocks; ++i) {
    blocks[i] = malloc(kBytes);
    *(int*)blocks[i] = i;
  }
  raise(63);
  for (int i = 0; i < kBlocks; ++i) free(blocks[i]);
  free(blocks);
  return 0;
}
