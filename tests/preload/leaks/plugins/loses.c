// A plug-in that loses a block; -DNAME names the function.
#include <stdlib.h>
#include <string.h>

__attribute__((noipa)) void NAME(unsigned long bytes) {
  memset(malloc(bytes), 1, bytes);
}

__attribute__((noipa)) void enter(unsigned long bytes) {
  NAME(bytes);
}
