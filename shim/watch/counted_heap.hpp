// What budgets and the log of calls put between watched_heap and the heap behind it: the same functions
// again. A request is asked for at the limits, made, written beside the block and logged; a free the other
// way round.
//
// As everywhere, each function is reached by a tail call, so that its caller is the program. Those that
// allocate have something to do afterwards and stay in the stack. A throw of the program's new-handler passes
// through them when nothing is left to be done.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/track/heap_functions.hpp"

namespace weir {

extern bool counts_calls;  // some option asks for it: fixed before the first allocation

// Inside the first allocation; behind set_up_routes. True when there are limits or a log.
bool set_up_counting() noexcept;

void begin_counting() noexcept;  // at the constructor's end
void end_counting() noexcept;    // at the process's end
void count_in_child() noexcept;  // of a fork

}  // namespace weir

namespace weir::counted {

WEIR_HEAP_ALLOCATIONS;
WEIR_HEAP_ENDINGS;
std::size_t usable_size(void* block);

}  // namespace weir::counted
