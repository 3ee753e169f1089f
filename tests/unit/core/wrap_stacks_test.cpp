// Stacks of wrappers in several orders keep the contract: on pages, on a small buffer, and on an arena.
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"
#include "tests/unit/core/wrap_stack.hpp"

namespace weir::test {

ON_ARENA(CountingValidatingLimiting, counting, validating, limiting);
ON_ARENA(TrackingTagging, tracking, tagging);
ON_ARENA(Quarantine, quarantine);

ON_BOTH(CountingValidatingLimiting, counting, validating, limiting);
ON_BOTH(LimitingValidatingCounting, limiting, validating, counting);
ON_BOTH(ValidatingTrackingTagging, validating, tracking, tagging);
ON_BOTH(TaggingTrackingValidating, tagging, tracking, validating);
ON_BOTH(EverythingUp, counting, limiting, failing, locked, logging, sampling, tracking, validating, tagging,
        profiling);
ON_BOTH(EverythingDown, profiling, tagging, validating, tracking, sampling, logging, locked, failing,
        limiting, counting);
ON_PAGES(CountingDebuggingTagging, counting, debugging, tagging);
ON_PAGES(QuarantineOutside, quarantine, validating, tracking);

}  // namespace weir::test
