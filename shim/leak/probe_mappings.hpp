// The process's mappings without /proc: no descriptor is left, it is not mounted, or lies outside of a chroot.
//
// Two calls tell of a range whether all of it is mapped (msync) and whether none of it is (a mapping that gives way to
// others); halving finds the borders. What can be read is asked page by page. Whether a page is writable is not to be
// had: all that can be read counts as that, so that constants are roots as well. About 10 ms for an ordinary process.
// Nothing may map or unmap meanwhile. No descriptor, no allocation, async-signal-safe.
#pragma once

#include <cstdint>

#include "shim/leak/memory_map.hpp"

namespace weir {

// Calls add(to, mapping) for each, ascending. False where the system does not let it find out, or add has said false.
bool probe_mappings(bool (*add)(void* to, const Mapping& mapping) noexcept, void* to) noexcept;

}  // namespace weir
