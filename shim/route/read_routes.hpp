// WEIR_ROUTES of this process, read once: inside its first allocation.
#pragma once

#include "shim/abi/route_rules.hpp"

namespace weir {

// The rules of the environment, or of the file that it names (WEIR_ROUTES=@/a/file). Each mistake is three
// lines on the message descriptor, and that rule is left out; with strict=1 the program ends here. True when
// there are rules. Called once, behind parse_options; no malloc, no locks.
bool read_routes(RouteRules& rules) noexcept;

}  // namespace weir
