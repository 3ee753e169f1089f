// Loses the blocks that its arguments name: loses COUNTxBYTES… [exit STATUS]. Odd sizes go through lose_odd.
#include "../../lose.h"

FRAME static void lose_odd(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}
FRAME static void lose_even(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

int main(int argc, char** argv) {
  int status = 0;
  puts("started");
  for (int i = 1; i < argc; ++i) {
    size_t count = 0, bytes = 0;
    if (strcmp(argv[i], "exit") == 0) {
      status = atoi(argv[++i]);
      continue;
    }
    require(sscanf(argv[i], "%zux%zu", &count, &bytes) == 2, "sscanf");
    for (size_t n = 0; n < count; ++n) bytes % 2 ? lose_odd(bytes) : lose_even(bytes);
  }
  scrub();
  return status;
}
