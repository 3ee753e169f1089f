// What a program sees in new and in freed memory, before it writes there: fills HOW BYTES [freed]
// Prints the distinct bytes in their order, each with its count.
#include "blocks.h"

FRAME static void print_runs(const volatile unsigned char* at, size_t bytes) {
  unsigned char values[4096];
  for (size_t i = 0; i < bytes; ++i) values[i] = at[i];  // before printf allocates
  for (size_t i = 0, run = 1; i < bytes; ++i, ++run) {
    if (i + 1 < bytes && values[i + 1] == values[i]) continue;
    printf("%u*%u ", (unsigned)run, values[i]);
    run = 0;
  }
  puts("");
}

int fault(int argc, char** argv) {
  require(argc >= 3, "fills HOW BYTES [freed]");
  static char buffer[4096];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  size_t bytes = number(argv[2]);
  char* block = make(argv[1], bytes);
  if (argc > 3) {
    memset(block, 7, bytes);
    drop(argv[1], block);
  }
  print_runs((const volatile unsigned char*)block, bytes);
  if (argc == 3) drop(argv[1], block);
  return 0;
}
