// The heap of mode=guard: the parent's blocks between canaries, with the stacks of their making and of their
// end; freed ones go through the quarantine.
//
// As in tracked_heap every function is reached by a tail call from its entry point and takes the call site
// from its own frame. Thread-safe. What a program does wrong is reported (incident.hpp) and then, if it is
// to go on, does as little harm as can be: a damaged block is never used again, a free of what is no block
// does nothing, a realloc of one fails. Other failures are libc's: nullptr and ENOMEM.
//
// guard=page: blocks that pages::wanted() names are made by guard/page_blocks instead.
#pragma once

#include <cstddef>

#include "shim/track/heap_functions.hpp"

namespace weir::guarded {

// Blocks without pages are those of mode=leak (guard_others=none), with its headers.
bool uses_leak_blocks() noexcept;

// Before the first allocation.
void set_up() noexcept;

// In the constructor.
void begin() noexcept;

// At the end of the process: the check of all blocks, and the count of what was reported. Ends the process
// itself where something was found and on_error says so. Once.
void finish() noexcept;

void lock_for_fork() noexcept;
void unlock_after_fork() noexcept;
// In the child, after that.
void adopt_in_child() noexcept;

WEIR_HEAP_ALLOCATIONS;
WEIR_HEAP_ENDINGS;

// What was asked for, to the byte: behind it lies the canary.
std::size_t usable_size(void* block);

// Alignments that are no power of two, told where report_alignment asks for it: `memalign` goes on with the
// next higher one, as glibc does.
void* memalign_odd(std::size_t alignment, std::size_t bytes);
int posix_memalign_odd(std::size_t alignment);

// calloc's product does not fit, told where report_huge asks for it. nullptr and ENOMEM.
void* calloc_too_big(std::size_t count, std::size_t bytes);

}  // namespace weir::guarded
