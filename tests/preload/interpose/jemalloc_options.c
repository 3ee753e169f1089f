// MALLOC_CONF still reaches jemalloc.
//: modes leak pass
//: env MALLOC_CONF=stats_print:true
//: stderr Begin jemalloc statistics.*End jemalloc statistics
#include "../check.h"

int main(void) {
  free(opaque(malloc(100)));
  return check_result();
}
