// The heap of mode=leak: the parent's blocks, each with a header that names its size and its whole stack.
//
// Every function here is reached by a tail call from its entry point, so that its own caller in memory is
// the program, and takes the call site from its own frame (WEIR_CALL_SITE). Thread-safe; allocation is
// wait-free in what it adds to the parent except for the first time that a stack is seen. Failures are
// libc's: nullptr and ENOMEM. A block that is not ours goes to the libc that owns it.
#pragma once

#include <cstddef>

#include "shim/track/block_header.hpp"
#include "shim/track/heap_functions.hpp"

namespace weir::tracked {

WEIR_HEAP_ALLOCATIONS;
void free(void* block);

std::size_t usable_size(void* block);

// All blocks of the program that lie in [start, end) end there, without a call for each
// (a scope of a route's arena).
void end_blocks(char* start, char* end) noexcept;

}  // namespace weir::tracked
