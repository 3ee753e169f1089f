// A thousand scopes of an arena, each of ten blocks that nobody frees:
// what ends with a scope lives no longer.
#include <stdio.h>
#include <stdlib.h>
#include <weir.h>

int main(void) {
  int failed = 0;
  for (int i = 0; i < 1000; ++i) {
    weir_scope* scope = weir_scope_enter("requests");
    for (int j = 0; j < 10; ++j) failed += malloc(100) == NULL;
    void* large = malloc(100000);  // a span of its own
    failed += large == NULL;
    weir_scope_leave(scope);
  }
  printf("failed %d route %s\n", failed, weir_route_of(malloc(100)) != NULL ? "yes" : "no");
  return 0;
}
