// Says whose rights it has and whether its loader trusts it.
#include <sys/auxv.h>

#include "../../lose.h"

FRAME static void lose(void) {
  memset(malloc(40), 1, 40);
}

int main(void) {
  lose();
  scrub();
  printf("secure %lu\n", getauxval(AT_SECURE));
  return 0;
}
