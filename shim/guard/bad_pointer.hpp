// What a pointer is that is no live block: the report of double frees and of frees of what never was a block.
#pragma once

#include "shim/abi/incidents.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

// A pointer in the heap zone without a live header. Nothing is done to it.
void report_bad_pointer(const void* pointer, IncidentCall call, StackId now) noexcept;

// The same where blocks have the headers of mode=leak, which say that a block was freed for as long as nobody else has
// got its memory, but not by whom.
void report_untracked_pointer(const void* pointer, IncidentCall call, StackId now) noexcept;

// A pointer that is not in the heap zone. True when it can be a block of the libc underneath, which is to
// have it; else it has been reported.
bool is_foreign_block(const void* pointer, IncidentCall call, StackId now) noexcept;

}  // namespace weir
