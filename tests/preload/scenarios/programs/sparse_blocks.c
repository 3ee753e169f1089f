// Many blocks of some pages, of which one page was touched; all are held. Prints nothing.
#include <stdlib.h>

enum { kBlocks = 2000, kBytes = 100000 };
static char* volatile held[kBlocks];

int main(void) {
  for (int i = 0; i < kBlocks; ++i) {
    held[i] = malloc(kBytes);
    held[i][kBytes / 2] = 1;
  }
  return 0;
}
