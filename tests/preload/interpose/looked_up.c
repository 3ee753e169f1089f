// Functions of the heap found by dlsym and dlvsym, in libc's own handle or behind the caller, mix with the others; what
// another allocator calls by these names is found in its own handle.
//: modes native leak pass
//: options on_error=abort
//: plugin behind.so plugins/looks_behind.c
//: plugin libwraps.so plugins/wraps_malloc.c
//: flags -Wl,--no-as-needed,$PLUGINS/libwraps.so,-rpath,$PLUGINS
#include "../check.h"
#include "../libc_own.h"

typedef void* (*Find)(const char* name, const char* version);
static void* handle;

static void* in_handle(const char* name, const char* version) {
  return version == NULL ? dlsym(handle, name) : dlvsym(handle, name, version);
}
static void* next_of_program(const char* name, const char* version) {
  return version == NULL ? dlsym(RTLD_NEXT, name) : dlvsym(RTLD_NEXT, name, version);
}
static void* by_default(const char* name, const char* version) {
  return version == NULL ? dlsym(RTLD_DEFAULT, name) : dlvsym(RTLD_DEFAULT, name, version);
}

static void mix(Find find, const char* version) {
  void* (*found_malloc)(size_t) = (void* (*)(size_t))find("malloc", version);
  void* (*found_realloc)(void*, size_t) = (void* (*)(void*, size_t))find("realloc", version);
  void (*found_free)(void*) = (void (*)(void*))find("free", version);
  size_t (*found_size)(void*) = (size_t(*)(void*))find("malloc_usable_size", version);
  CHECK(found_malloc != NULL && found_realloc != NULL && found_free != NULL && found_size != NULL);
  CHECK(dlerror() == NULL);
  if (check_failures) return;
  for (size_t bytes = 1; bytes < 1000000; bytes *= 10) {
    free(opaque(found_malloc(bytes)));
    found_free(opaque(malloc(bytes)));
    char* text = strdup("by libc");
    CHECK(found_size(text) >= 8);
    text = found_realloc(text, 5000);
    CHECK(strcmp(text, "by libc") == 0);
    free(text);
    found_free(realloc(found_malloc(bytes), 2 * bytes));
  }
}

int main(void) {
  handle = dlopen("libc.so.6", RTLD_NOW);
  mix(in_handle, NULL);
  mix(in_handle, "GLIBC_2.2.5");
  mix(next_of_program, NULL);
  mix(by_default, NULL);
  // libwraps.so has no version: natively these pass it by, and find what it stands on.
  mix(next_of_program, "GLIBC_2.2.5");
  mix(by_default, "GLIBC_2.2.5");

  void* behind = open_plugin("behind.so", RTLD_NOW | RTLD_LOCAL);
  if (behind == NULL) return 1;
  Find looks = (Find)dlsym(behind, "look");
  mix(looks, NULL);
  mix(looks, "GLIBC_2.2.5");
  // It has a `calloc` of its own, which is what its handle has, and what is behind it is not that.
  void* own = dlsym(behind, "calloc");
  CHECK(own != NULL && own == dlsym(behind, "own_calloc"));
  CHECK(looks("calloc", NULL) != NULL && looks("calloc", NULL) != own);
  CHECK(looks("own_calloc", NULL) == NULL);  // the caller is known
  const char* error = dlerror();
  CHECK(error != NULL && strstr(error, "own_calloc") != NULL);
  CHECK(dlsym(handle, "weir_shim_route_of") == NULL && dlerror() != NULL && dlerror() == NULL);
  CHECK(dlvsym(handle, "malloc", "GLIBC_0") == NULL && dlerror() != NULL);
  CHECK(dlvsym(RTLD_NEXT, "malloc", "GLIBC_0") == NULL && dlerror() != NULL);
  CHECK(dlsym(handle, "own_calloc") == NULL && dlerror() != NULL);
  CHECK((dlsym(handle, "free_sized") == NULL) == (libc_own("free_sized") == NULL));

  // A library that stands in front of libc's free, and behind weir: what is libc's own finds its way back.
  void* (*libc_malloc)(size_t) = (void* (*)(size_t))libc_own("malloc");
  for (int i = 0; i < 1000; ++i) free(opaque(libc_malloc(100)));
  return check_result();
}
