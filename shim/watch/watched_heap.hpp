// The heap of Mode::kWatch: the same functions as the heaps that it stands before.
//
// Entry points tail-call these functions, and these the inner heap's, which so see the program as their
// caller too. A function that has something to do afterwards stays in the stack as one frame of libweir.so,
// which reports leave out.
#pragma once

#include <cstddef>

#include "shim/track/heap_functions.hpp"

namespace weir::watched {

WEIR_HEAP_ALLOCATIONS;
WEIR_HEAP_ENDINGS;
std::size_t usable_size(void* block);

}  // namespace weir::watched
