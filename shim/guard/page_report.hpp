// What is said about a block on pages of its own: the access that was stopped, and the bytes written beside
// it that were found later.
//
// Async-signal-safe, never calls malloc; several threads may report at once. Comes back with
// on_error=continue alone.
#pragma once

#include <cstdint>

#include "shim/guard/incident.hpp"
#include "shim/guard/page_blocks.hpp"

namespace weir::pages {

// The facts of the block, and where it was allocated and freed. For reports of any kind.
void describe(Incident& incident, const PageBlock& block) noexcept;

// The memory around the address, as far as it is the block's and can be read.
void dump_around(Incident& incident, const PageBlock& block, std::uint64_t address) noexcept;

// A read or write at the address, where the block (the nearest one) has no access. `next` is the nearest one on the
// other side, where the address is far from both; else nullptr.
void report_access(PageBlock& block, const PageBlock* next, std::uint64_t address, IncidentAccess access,
                   StackId now) noexcept;

// What was written beside a live block: fills the incident in, but for the stack that found it, and is true
// where there was something that is not told yet. The block may be freed nevertheless: its pages harm nobody.
bool describe_damage(Incident& incident, const PageBlock& block, IncidentOccasion occasion,
                     IncidentCall call) noexcept;

// A pointer into the page zone that is no live block's. `block` is the one in whose slot it lies, or nullptr.
void report_bad_pointer(const PageBlock* block, const void* pointer, IncidentCall call, StackId now) noexcept;

}  // namespace weir::pages
