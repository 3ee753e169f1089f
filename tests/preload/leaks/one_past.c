// A pointer just past a block's end does not hold it.
//: leak direct 48 1 lose < main
#include "lose.h"

static char* volatile past;

FRAME static void lose(void) {
  past = (char*)malloc(48) + 48;
}

int main(void) {
  lose();
  scrub();
  return 0;
}
