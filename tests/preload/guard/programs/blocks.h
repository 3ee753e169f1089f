// Blocks by each function that makes one; `how` names it.
#pragma once
#include "stage.h"
#ifdef __cplusplus
#include <new>
#endif

#define WIDE 64  // of the aligned functions

FRAME static char* make(const char* how, size_t bytes) {
  void* block = NULL;
  if (is(how, "malloc")) block = malloc(bytes);
  if (is(how, "calloc")) block = calloc(bytes, 1);
  if (is(how, "realloc")) block = realloc(opaque(malloc(5)), bytes);
  if (is(how, "realloc_null")) block = realloc(opaque(NULL), bytes);
  if (is(how, "reallocarray")) block = reallocarray(opaque(malloc(5)), bytes, 1);
  if (is(how, "aligned_alloc")) block = aligned_alloc(WIDE, bytes);
  if (is(how, "memalign")) block = memalign(WIDE, bytes);
  if (is(how, "posix_memalign") && posix_memalign(&block, WIDE, bytes) != 0) block = NULL;
  if (is(how, "valloc")) block = valloc(bytes);
  if (is(how, "strdup")) {
    char* text = (char*)alloca(bytes);
    memset(text, 'a', bytes - 1);
    text[bytes - 1] = '\0';
    block = strdup(text);
  }
#ifdef __cplusplus
  if (is(how, "new")) block = operator new(bytes);
  if (is(how, "new[]")) block = new char[bytes];
  if (is(how, "new_nothrow")) block = operator new(bytes, std::nothrow);
  if (is(how, "new[]_nothrow")) block = new (std::nothrow) char[bytes];
  if (is(how, "new_aligned")) block = operator new(bytes, std::align_val_t(WIDE));
  if (is(how, "new[]_aligned")) block = operator new[](bytes, std::align_val_t(WIDE));
#endif
  require(block != NULL, how);
  return opaque(block);
}

// Ends a block by the function that belongs to `how`.
#define END_BLOCK(how, block)                     \
  do {                                            \
    void* ended = opaque(block);                  \
    if (strncmp(how, "new", 3) != 0) free(ended); \
    END_NEW(how, ended)                           \
  } while (0)
#ifdef __cplusplus
#define END_NEW(how, ended)                                                   \
  if (is(how, "new") || is(how, "new_nothrow")) operator delete(ended);       \
  if (is(how, "new[]") || is(how, "new[]_nothrow")) operator delete[](ended); \
  if (is(how, "new_aligned")) operator delete(ended, std::align_val_t(WIDE)); \
  if (is(how, "new[]_aligned")) operator delete[](ended, std::align_val_t(WIDE));
#else
#define END_NEW(how, ended)
#endif

FRAME static void drop(const char* how, char* block) {
  END_BLOCK(how, block);
}

FRAME static char* regrow(char* block, size_t bytes) {
  return opaque(realloc(block, bytes));
}
