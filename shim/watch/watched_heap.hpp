// The heap of Mode::kWatch: the same functions as the heaps that it stands before.
//
// Entry points tail-call these functions, and these the inner heap's, which so see the program as their
// caller too. A function that has something to do afterwards stays in the stack as one frame of libweir.so,
// which reports leave out.
#pragma once

#include <cstddef>

namespace weir::watched {

void* malloc(std::size_t bytes);
void* calloc(std::size_t count, std::size_t bytes);
void* realloc(void* block, std::size_t bytes);
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
void* memalign(std::size_t alignment, std::size_t bytes);
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes);
std::size_t usable_size(void* block);

void* operator_new(std::size_t bytes);
void* operator_new_array(std::size_t bytes);
void* operator_new_nothrow(std::size_t bytes);
void* operator_new_array_nothrow(std::size_t bytes);
void* operator_new_aligned(std::size_t bytes, std::size_t alignment);
void* operator_new_array_aligned(std::size_t bytes, std::size_t alignment);
void* operator_new_aligned_nothrow(std::size_t bytes, std::size_t alignment);
void* operator_new_array_aligned_nothrow(std::size_t bytes, std::size_t alignment);

}  // namespace weir::watched
