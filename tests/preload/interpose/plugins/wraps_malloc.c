// For looked_up.c: a library that passes calls of the heap on to whoever is behind it.
#include <dlfcn.h>
#include <stddef.h>

static void* (*next_malloc)(size_t);
static void (*next_free)(void*);

void* malloc(size_t bytes) {
  if (next_malloc == NULL) next_malloc = (void* (*)(size_t))dlsym(RTLD_NEXT, "malloc");
  return next_malloc(bytes);
}
void free(void* block) {
  if (next_free == NULL) next_free = (void (*)(void*))dlsym(RTLD_NEXT, "free");
  next_free(block);
}
