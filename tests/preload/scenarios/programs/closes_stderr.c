// Closes its standard error, opens a data file (which gets that descriptor), loses a block.
#include <fcntl.h>

#include "../../lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(int argc, char** argv) {
  close(2);
  if (argc == 2) {
    const int data = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (data != 2 || write(data, "data\n", 5) != 5) return 99;
  }
  lose();
  scrub();
  return 0;
}
