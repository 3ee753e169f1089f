/* weir.h: tell weir which subsystem allocates, and where an arena's scopes begin and end. C and C++; optional.
 *
 * Without libweir.so in the process every call here does nothing and answers NULL or 0, so a program may keep
 * them in.
 *
 * Tags: what the calling thread allocates between push and pop has the name on it, in mode=leak and mode=guard;
 * reports say which, and sum it up.
 *
 *     weir_tag_push("physics");
 *     world = load_world();
 *     weir_tag_pop();
 *
 * Tags nest, the innermost one counts. A block keeps its tag, whoever frees it; realloc gives it the present one. Names
 * have at most 63 bytes, and a process at most 1023 of them. O(1), and async-signal-safe for names that were used
 * before.
 *
 * Scopes: with a rule of WEIR_ROUTES that leads to an arena, all that the calling thread
 * allocates on that route between enter and leave lies in chunks of its own; leave ends all of it at once,
 * freed or not.
 *
 *     weir_scope *scope = weir_scope_enter("requests");   // or NULL: the first arena of the rules
 *     handle_request();
 *     weir_scope_leave(scope);
 *
 * A scope belongs to the thread that entered it. Scopes nest; leaving an outer one leaves the inner ones.
 * What must outlive the scope is allocated outside it, or on another route. A block of an ended scope must
 * not be freed. Each call is O(1), and leave O(chunks). Linking: -ldl where libc is older than glibc 2.34.
 */
#ifndef WEIR_H
#define WEIR_H

#include <dlfcn.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_scope weir_scope;

/* The library's function of that name; NULL without the library. Looked up once a call site. */
static inline void* weir_look_up_(void** cache, const char* name) {
  static char absent;
  void* found = __atomic_load_n(cache, __ATOMIC_ACQUIRE);
  if (found == NULL) {
    found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL) found = &absent;
    __atomic_store_n(cache, found, __ATOMIC_RELEASE);
  }
  return found == (void*)&absent ? NULL : found;
}

/* Begins a scope on the arena of the rule with this name; NULL where there is none,
 * or it is shared by threads. */
static inline weir_scope* weir_scope_enter(const char* route) {
  static void* cache;
  weir_scope* (*call)(const char*);
  *(void**)&call = weir_look_up_(&cache, "weir_shim_scope_enter");
  return call != NULL ? call(route) : NULL;
}

/* Ends all blocks of the scope, and the scope. 1; 0 for NULL and for what is no open scope of this thread. */
static inline int weir_scope_leave(weir_scope* scope) {
  static void* cache;
  int (*call)(weir_scope*);
  *(void**)&call = weir_look_up_(&cache, "weir_shim_scope_leave");
  return call != NULL && scope != NULL ? call(scope) : 0;
}

/* Ends all blocks of the scope and keeps it open, for the next of many alike. 1 or 0 as above. */
static inline int weir_scope_reset(weir_scope* scope) {
  static void* cache;
  int (*call)(weir_scope*);
  *(void**)&call = weir_look_up_(&cache, "weir_shim_scope_reset");
  return call != NULL && scope != NULL ? call(scope) : 0;
}

/* Puts a name on what the thread allocates from here on; NULL or "" takes none. 1, or 0 where the blocks get no name.
 * Each push needs its pop, whatever it answered. */
static inline int weir_tag_push(const char* name) {
  static void* cache;
  int (*call)(const char*);
  *(void**)&call = weir_look_up_(&cache, "weir_shim_tag_push");
  return call != NULL ? call(name) : 0;
}

/* Back to the tag from before the last push. 1, or 0 where there was none. */
static inline int weir_tag_pop(void) {
  static void* cache;
  int (*call)(void);
  *(void**)&call = weir_look_up_(&cache, "weir_shim_tag_pop");
  return call != NULL ? call() : 0;
}

/* The name of the route that the block came by; NULL for the parent allocator's, and without the library. */
static inline const char* weir_route_of(const void* block) {
  static void* cache;
  const char* (*call)(const void*);
  *(void**)&call = weir_look_up_(&cache, "weir_shim_route_of");
  return call != NULL ? call(block) : NULL;
}

#ifdef __cplusplus
}
#endif

#endif
