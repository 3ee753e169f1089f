// A thousand scopes with a hundred blocks of 64 bytes each, which end with them.
#include <stdlib.h>
#include <string.h>

#include "weir.h"

int main(void) {
  for (int i = 0; i < 1000; ++i) {
    weir_scope* scope = weir_scope_enter("requests");
    for (int j = 0; j < 100; ++j) memset(malloc(64), 1, 64);
    weir_scope_leave(scope);
  }
  return 0;
}
