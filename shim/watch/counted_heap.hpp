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

namespace weir {

extern bool counts_calls;  // some option asks for it: fixed before the first allocation

// Inside the first allocation; behind set_up_routes. True when there are limits or a log.
bool set_up_counting() noexcept;

void begin_counting() noexcept;  // at the constructor's end
void end_counting() noexcept;    // at the process's end
void count_in_child() noexcept;  // of a fork

}  // namespace weir

namespace weir::counted {

void* malloc(std::size_t bytes);
void* calloc(std::size_t count, std::size_t bytes);
void* realloc(void* block, std::size_t bytes);
void* memalign(std::size_t alignment, std::size_t bytes);
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes);
std::size_t usable_size(void* block);

void free(void* block);
void free_sized(void* block, std::size_t bytes);
void free_aligned_sized(void* block, std::size_t alignment, std::size_t bytes);
void operator_delete(void* block);
void operator_delete_sized(void* block, std::size_t bytes);
void operator_delete_aligned(void* block, std::size_t alignment);
void operator_delete_sized_aligned(void* block, std::size_t bytes, std::size_t alignment);
void operator_delete_array(void* block);
void operator_delete_array_sized(void* block, std::size_t bytes);
void operator_delete_array_aligned(void* block, std::size_t alignment);
void operator_delete_array_sized_aligned(void* block, std::size_t bytes, std::size_t alignment);

void* operator_new(std::size_t bytes);
void* operator_new_array(std::size_t bytes);
void* operator_new_nothrow(std::size_t bytes);
void* operator_new_array_nothrow(std::size_t bytes);
void* operator_new_aligned(std::size_t bytes, std::size_t alignment);
void* operator_new_array_aligned(std::size_t bytes, std::size_t alignment);
void* operator_new_aligned_nothrow(std::size_t bytes, std::size_t alignment);
void* operator_new_array_aligned_nothrow(std::size_t bytes, std::size_t alignment);

}  // namespace weir::counted
