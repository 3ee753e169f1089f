// guard=page with guard_others=none: the blocks that get no pages are those of mode=leak, so that a program
// can run like this for good.
//
// Reached by tail calls from guarded_heap, whose functions these are; so the program is still the caller.
#pragma once

#include <cstddef>

namespace weir::light {

// guard_others=none, and there are pages. Fixed at start.
extern bool in_use;

void* malloc(std::size_t bytes);
void* calloc(std::size_t count, std::size_t bytes);
void* realloc(void* block, std::size_t bytes);
void* memalign(std::size_t alignment, std::size_t bytes);
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes);
void* operator_new(std::size_t bytes);
void* operator_new_array(std::size_t bytes);
void* operator_new_nothrow(std::size_t bytes);
void* operator_new_array_nothrow(std::size_t bytes);
void* operator_new_aligned(std::size_t bytes, std::size_t alignment);
void* operator_new_array_aligned(std::size_t bytes, std::size_t alignment);
void* operator_new_aligned_nothrow(std::size_t bytes, std::size_t alignment);
void* operator_new_array_aligned_nothrow(std::size_t bytes, std::size_t alignment);

}  // namespace weir::light
