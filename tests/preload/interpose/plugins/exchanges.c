// Takes and gives blocks; loaded so that it binds to libc first.
#include <stdlib.h>
#include <string.h>

void* give(unsigned long bytes) {
  return memset(malloc(bytes), 7, bytes);
}
void* grow(void* block, unsigned long bytes) {
  return realloc(block, bytes);
}
void take(void* block) {
  free(block);
}
char* copy(const char* text) {
  return strdup(text);
}
