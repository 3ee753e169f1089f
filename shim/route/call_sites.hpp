// Which rules a call site takes part in, by the module, the function and the source file that call.
//
// A module's path is known here. Names need the tool: it is started once by the constructor, where a rule has
// caller= or source=, and once more for each module that is loaded later, at the first call out of it. Until
// then, and where the tool cannot be started, those rules do not hold.
//
// The answer for one return address never changes while its module is loaded, so callers keep it together
// with the epoch that they read before they asked; call_site_epoch moves whenever kept answers must be asked
// again.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/abi/route_rules.hpp"

namespace weir {

// Changes when answers may have changed: the names were read, a module came or went.
extern std::atomic<std::uint32_t> call_site_epoch;

// Inside the first allocation: the rules to go by, which stay. Before it rules_at answers 0.
void watch_call_sites(const RouteRules& rules) noexcept;

// In the constructor: reads the names of what is loaded, where rules ask for any. Takes the loader's lock,
// and waits for the tool.
void read_call_site_names() noexcept;

// After a dlclose.
void note_modules_changed() noexcept;

// Bit i: rule i's conditions on module, caller and source hold for the code that `return_address` returns to,
// or it has none. Thread-safe and async-signal-safe, takes no lock of the loader's, never calls malloc, waits
// for no other thread. O(log modules + log functions); the first call from a new module may wait for the
// tool.
RuleMask rules_at(std::uint64_t return_address) noexcept;

}  // namespace weir
