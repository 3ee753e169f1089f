// The heap of mode=leak: the parent's blocks, each with a header that names its size and its whole stack.
//
// Every function here is reached by a tail call from its entry point, so that its own caller in memory is
// the program, and takes the call site from its own frame (WEIR_CALL_SITE). Thread-safe; allocation is
// wait-free in what it adds to the parent except for the first time that a stack is seen. Failures are
// libc's: nullptr and ENOMEM. A block that is not ours goes to the libc that owns it.
#pragma once

#include <cstddef>

#include "shim/track/block_header.hpp"

namespace weir::tracked {

void* malloc(std::size_t bytes);
void* calloc(std::size_t count, std::size_t bytes);
void* realloc(void* block, std::size_t bytes);
void free(void* block);

// `alignment` is a power of two. The family tells memalign from operator new.
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

std::size_t usable_size(void* block);

// All blocks of the program that lie in [start, end) end there, without a call for each (a scope of a route's
// arena).
void end_blocks(char* start, char* end) noexcept;

}  // namespace weir::tracked
