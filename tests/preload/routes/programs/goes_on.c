// Allocates a block of 100 bytes each millisecond, and keeps every tenth, until its standard input ends.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void* volatile kept[10];

int main(void) {
  fcntl(0, F_SETFL, O_NONBLOCK);
  char byte;
  for (unsigned i = 0; read(0, &byte, 1) != 0; ++i) {
    free(kept[i % 10]);
    kept[i % 10] = malloc(100);
    usleep(1000);
  }
  return 0;
}
