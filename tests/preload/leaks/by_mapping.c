// Blocks that only memory from mmap holds; and mappings that a look at would end the program.
#include <sys/mman.h>

#include "lose.h"

static char* map(int protection, int flags, int fd) {
  char* pages = mmap(NULL, 8192, protection, flags, fd, 0);
  require(pages != MAP_FAILED, "mmap");
  return pages;
}

int main(void) {
  char* pages = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  *(void**)(pages + 64) = malloc(100);

  char* closed = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  mprotect(closed + 4096, 4096, PROT_NONE);

  FILE* file = tmpfile();
  require(file != NULL && ftruncate(fileno(file), 8192) == 0, "tmpfile");
  char* beyond_end = map(PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file));
  beyond_end[0] = 1;
  require(ftruncate(fileno(file), 100) == 0, "ftruncate");  // its second page is SIGBUS now
  scrub();
  return 0;
}
