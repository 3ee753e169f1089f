// A program that brings its own malloc keeps it, and weir says that it sees nothing.
//: modes native leak pass
//: stderr ^weir: malloc is that of the program itself, which comes before weir's: its blocks are not seen$
#include "../check.h"

static char buffer[1 << 20];
static size_t used;
static int calls;

void* malloc(size_t bytes) {
  ++calls;
  void* block = buffer + used;
  used += (bytes + 15) & ~(size_t)15;
  return used <= sizeof buffer ? block : NULL;
}
void free(void* block) {
  (void)block;
}
void* calloc(size_t count, size_t bytes) {
  return malloc(count * bytes);
}
void* realloc(void* block, size_t bytes) {
  void* next = malloc(bytes);
  if (block != NULL) memcpy(next, block, bytes);
  return next;
}

int main(void) {
  char* mine = opaque(malloc(100));
  CHECK(mine >= buffer && mine < buffer + sizeof buffer && calls > 0);
  char* copy = strdup("by libc");
  CHECK(copy >= buffer && copy < buffer + sizeof buffer);
  return check_result();
}
