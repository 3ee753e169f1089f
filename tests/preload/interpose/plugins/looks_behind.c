// For looked_up.c: what is found behind this library, which has a `calloc` for itself.
#include <dlfcn.h>
#include <stddef.h>

void* own_calloc(size_t count, size_t bytes) __attribute__((alias("calloc")));
void* calloc(size_t count, size_t bytes) {
  (void)count, (void)bytes;
  return NULL;
}

void* look(const char* name, const char* version) {
  void* found = version == NULL ? dlsym(RTLD_NEXT, name) : dlvsym(RTLD_NEXT, name, version);
  __asm__ volatile("" : "+r"(found));  // no tail call: the caller of dlsym is this library
  return found;
}
