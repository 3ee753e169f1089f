// Every wrapper alone keeps the contract: on pages, which always have room, and on a small buffer, which soon
// has none and is reset.
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"
#include "tests/unit/core/wrap_stack.hpp"

namespace weir::test {

ON_BOTH(Counting, counting);
ON_BOTH(Limiting, limiting);
ON_BOTH(Failing, failing);
ON_BOTH(Locked, locked);
ON_BOTH(Logging, logging);
ON_BOTH(Sampling, sampling);
ON_BOTH(Tracking, tracking);
ON_BOTH(Validating, validating);
ON_BOTH(Tagging, tagging);
ON_BOTH(Profiling, profiling);
ON_PAGES(Quarantine, quarantine);
ON_PAGES(Debugging, debugging);

}  // namespace weir::test
