// guard=page with guard_others=none: the blocks that get no pages are those of mode=leak, so that a program
// can run like this for good.
//
// Reached by tail calls from guarded_heap, whose functions these are; so the program is still the caller.
#pragma once

#include <cstddef>

#include "shim/track/heap_functions.hpp"

namespace weir::light {

// guard_others=none, and there are pages. Fixed at start.
extern bool in_use;

WEIR_HEAP_ALLOCATIONS;

}  // namespace weir::light
