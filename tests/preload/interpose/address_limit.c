// A small limit of address space: the program runs, and running out is a null pointer and ENOMEM.
// A check that then has no room may say so (scenarios/output.py has one that has room).
//: modes native leak pass
//: stderr ^(weir: no memory left for the leak check\n)?$
#include <sys/resource.h>

#include "../check.h"

int main(int argc, char** argv) {
  if (argc == 1) {
    const struct rlimit limit = {200000ul << 10, 200000ul << 10};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    execl("/proc/self/exe", argv[0], "limited", NULL);
    return 9;
  }
  static void* blocks[1000];
  int got = 0;
  errno = 0;
  while (got < 1000 && (blocks[got] = malloc(1 << 20)) != NULL) memset(blocks[got++], 1, 1 << 20);
  CHECK(got >= 50 && got < 200 && errno == ENOMEM);
  for (int i = 0; i < got; ++i) free(blocks[i]);
  for (size_t i = 0; i < 10000; ++i) free(opaque(malloc(i)));
  return check_result();
}
