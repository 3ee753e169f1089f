// Blocks that libc allocates for the program: its own frames come first.
//: leak direct 120 1 * << lose_line < main
//: leak direct 11 1 * << lose_text < main
#include "lose.h"

FRAME static void lose_line(void) {
  char* line = NULL;
  size_t room = 0;
  FILE* input = fopen("/proc/self/comm", "r");
  require(input != NULL && getline(&line, &room, input) > 0, "getline");
  fclose(input);
}

FRAME static void lose_text(void) {
  char* text = NULL;
  require(asprintf(&text, "%d and %d", 1234, 0) == 10, "asprintf");
}

int main(void) {
  lose_line();
  lose_text();
  scrub();
  return 0;
}
