// A library that loses a block, in a function that is called as asked.
#include <stdlib.h>

static void* volatile lost;

void NAME(void) {
  lost = malloc(40);
  lost = NULL;
}
