// The functions that each heap behind the entry points has: declarations for the heap's own namespace.
//
// They are reached by tail calls, so that their caller is the program. Sizes are bytes, alignments powers of
// two. Failures are libc's: nullptr and ENOMEM, or std::bad_alloc. Thread-safe.
#pragma once

#include <cstddef>

#define WEIR_HEAP_ALLOCATIONS                                                   \
  void* malloc(std::size_t bytes);                                              \
  void* calloc(std::size_t count, std::size_t bytes);                           \
  void* realloc(void* block, std::size_t bytes);                                \
  void* memalign(std::size_t alignment, std::size_t bytes);                     \
  int posix_memalign(void** out, std::size_t alignment, std::size_t bytes);     \
  void* operator_new(std::size_t bytes);                                        \
  void* operator_new_array(std::size_t bytes);                                  \
  void* operator_new_nothrow(std::size_t bytes);                                \
  void* operator_new_array_nothrow(std::size_t bytes);                          \
  void* operator_new_aligned(std::size_t bytes, std::size_t alignment);         \
  void* operator_new_array_aligned(std::size_t bytes, std::size_t alignment);   \
  void* operator_new_aligned_nothrow(std::size_t bytes, std::size_t alignment); \
  void* operator_new_array_aligned_nothrow(std::size_t bytes, std::size_t alignment)

// Where it matters by which call a block ends, and what that says of size and alignment.
#define WEIR_HEAP_ENDINGS                                                                    \
  void free(void* block);                                                                    \
  void free_sized(void* block, std::size_t bytes);                                           \
  void free_aligned_sized(void* block, std::size_t alignment, std::size_t bytes);            \
  void operator_delete(void* block);                                                         \
  void operator_delete_sized(void* block, std::size_t bytes);                                \
  void operator_delete_aligned(void* block, std::size_t alignment);                          \
  void operator_delete_sized_aligned(void* block, std::size_t bytes, std::size_t alignment); \
  void operator_delete_array(void* block);                                                   \
  void operator_delete_array_sized(void* block, std::size_t bytes);                          \
  void operator_delete_array_aligned(void* block, std::size_t alignment);                    \
  void operator_delete_array_sized_aligned(void* block, std::size_t bytes, std::size_t alignment)
