// A program whose malloc is a wrapper of the next one, found as everybody does, keeps it; what it loses is found.
//: modes native leak pass
//: leak direct 16 1 malloc < main
#include "../check.h"

static int calls;
static void* (*next_malloc)(size_t);
static void (*next_free)(void*);

void* malloc(size_t bytes) {
  ++calls;
  if (next_malloc == NULL) next_malloc = (void* (*)(size_t))dlsym(RTLD_NEXT, "malloc");
  return next_malloc(bytes);
}
void free(void* block) {
  if (next_free == NULL) next_free = (void (*)(void*))dlsym(RTLD_NEXT, "free");
  next_free(block);
}

int main(void) {
  int before = calls;
  free(opaque(malloc(100)));
  CHECK(calls == before + 1);
  free(strdup("by libc"));
  CHECK(calls == before + 2);
  // In libc's own handle is what lies below the wrapper.
  void* (*below)(size_t) = (void* (*)(size_t))dlsym(dlopen("libc.so.6", RTLD_NOW), "malloc");
  before = calls;
  free(below(100));
  CHECK(calls == before);
  free(opaque(calloc(3, 5)));
  opaque(malloc(16));
  return check_result();
}
