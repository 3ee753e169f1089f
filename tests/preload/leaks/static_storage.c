// Blocks held by global, static, function-local and thread-local variables, and by blocks that those hold.
#include "lose.h"

void* volatile global;
static void* volatile file_static = "initialised, so in .data";
static __thread void* volatile thread_local_zero;
static __thread void* volatile thread_local_set = "in .tdata";

FRAME static void fill(void) {
  static void* volatile function_static;
  global = calloc(1, 64);
  *(void* volatile*)global = calloc(1, 100);
  file_static = malloc(41);
  thread_local_zero = malloc(42);
  thread_local_set = malloc(43);
  function_static = malloc(44);
  (void)function_static;
}

int main(void) {
  fill();
  scrub();
  return 0;
}
