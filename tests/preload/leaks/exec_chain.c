// A program that becomes itself three times: only what the last one loses is reported.
//: leak direct 40 1 lose < main
//: args 3
#include "lose.h"

FRAME static void lose(size_t bytes) {
  memset(malloc(bytes), 1, bytes);
}

int main(int argc, char** argv) {
  require(argc == 2, "arguments");
  const int left = atoi(argv[1]);
  lose(40 + (size_t)left);
  scrub();
  if (left == 0) return 0;
  char number[16];
  snprintf(number, sizeof number, "%d", left - 1);
  execl("/proc/self/exe", argv[0], number, NULL);
  return 99;
}
