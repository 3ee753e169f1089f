// A plug-in with a heap in its static storage, for own_heap.c.
#include <stddef.h>
#include <string.h>

static char heap[65536] __attribute__((aligned(16)));
static size_t used;
static int freed;

void* malloc(size_t bytes) {
  char* block = heap + used;
  used += (bytes + 15) & ~(size_t)15;
  return used <= sizeof heap ? block : NULL;
}

void free(void* block) {
  freed += (char*)block >= heap && (char*)block < heap + sizeof heap;
}

int works(void) {
  for (int i = 0; i < 100; ++i) {
    char* volatile block = malloc(13);
    if (block < heap || block >= heap + sizeof heap) return 0;
    memset(block, 1, 14);  // its own business too
    free(block);
    free(block);
  }
  return freed == 200;
}
