// Which rules a call site takes part in, by the module, the function and the source file that call.
//
// The answer for one return address never changes while its module is loaded, so callers keep it;
// call_site_epoch moves whenever kept answers must be asked again.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/abi/route_rules.hpp"

namespace weir {

// Changes when answers may have changed: the names were read, a module came or went.
extern std::atomic<std::uint32_t> call_site_epoch;

// Bit i: rule i's conditions on module, caller and source hold for the code that `return_address` returns to,
// or it has none. Thread-safe, takes no lock of the loader's, never calls malloc. O(log functions).
RuleMask rules_at(std::uint64_t return_address) noexcept;

}  // namespace weir
