// A library whose constructor allocates.
#include <stdlib.h>
#include <string.h>

static char* block;
char* early_block(void) {
  return block;
}
__attribute__((constructor)) static void construct(void) {
  block = strcpy(malloc(100), "library");
}
