// How an injected failure, and the crash that may follow it, are told: lines at verbosity=1, and option
// fail_report's file.
#pragma once

#include "shim/watch/watch.hpp"

namespace weir {

struct RecordedStack;

// Says it once for each distinct stack; `stack` is nullptr where it has not been asked for.
void tell_failure(WatchedCall call, CallSite site, RecordedStack* stack) noexcept;

// In the constructor, where option fail_report is given: fatal signals that have no handler tell where they
// struck before they end the process. A handler of the program's takes their place.
void listen_for_crashes() noexcept;

}  // namespace weir
