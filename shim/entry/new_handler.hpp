// What operator new does when there is no memory, by way of the program's own libstdc++.
//
// A private copy would keep another new-handler and throw exceptions of another runtime. So the functions
// are looked up on this cold path only; a program without them that calls operator new is ended with a line.
#pragma once

#include <cstddef>

namespace weir {

// Calls the program's new-handler once; throws std::bad_alloc (the program's) when there is none.
void call_new_handler();

// The nothrow forms: libstdc++'s own function tries again through ours and turns an exception into nullptr.
void* retry_nothrow(const char* symbol, std::size_t bytes) noexcept;
void* retry_nothrow_aligned(const char* symbol, std::size_t bytes, std::size_t alignment) noexcept;

}  // namespace weir
