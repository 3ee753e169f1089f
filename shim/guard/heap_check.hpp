// The check of all blocks at once: canaries of those that live, fill of those in the quarantine.
#pragma once

#include "shim/abi/incidents.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

// Stops the other threads meanwhile, and reports when they go on. O(touched heap): some 40 ms a million
// blocks. True when anything was damaged (and on_error lets the process live).
bool check_heap(IncidentOccasion occasion) noexcept;

// check_period_ms: if so long has passed since the last such check.
void check_heap_when_due() noexcept;

// Before a signal ends the program, with the stack that it interrupted: what is damaged is reported, and
// on_error does not count.
void check_heap_at_crash(StackId now, int signal_number) noexcept;

// The same where the other threads stand still already, but for some that may run on; report_found_damage()
// when they go on.
void look_for_damage(IncidentOccasion occasion, bool some_run) noexcept;
bool report_found_damage() noexcept;

}  // namespace weir
