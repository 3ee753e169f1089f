// Loses blocks of sizes that rules tell apart, all from one call, and so of one stack.
#include "../../lose.h"

FRAME static void lose(void) {
  static const size_t bytes[] = {40, 40, 40, 1000, 1000, 2000, 3000, 100000, 5000, 5000, 5000};
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; ++i) {
    char* volatile lost = malloc(bytes[i]);
    require(lost != NULL, "malloc");
    lost = NULL;
  }
}

int main(void) {
  lose();
  scrub();
  return 0;
}
