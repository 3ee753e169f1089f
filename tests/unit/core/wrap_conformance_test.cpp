// Every wrapper alone, and stacks of them in several orders, keep the contract: on pages, which always have
// room, and on a small buffer, which soon has none and is reset.
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"
#include "tests/unit/core/wrap_stack.hpp"

namespace weir::test {

#define ON_PAGES(Name, ...)                                       \
  using Name##OnPages = Stack<__VA_ARGS__>::template On<OnPages>; \
  WEIR_FUZZ(Name##OnPages, Name##OnPages);                        \
  INSTANTIATE_TYPED_TEST_SUITE_P(Name##OnPages, Conformance, ::testing::Types<Name##OnPages>)
#define ON_BOTH(Name, ...)                                               \
  ON_PAGES(Name, __VA_ARGS__);                                           \
  using Name##OnBuffer = Stack<__VA_ARGS__>::template On<OnFixedBuffer>; \
  WEIR_FUZZ(Name##OnBuffer, Name##OnBuffer);                             \
  INSTANTIATE_TYPED_TEST_SUITE_P(Name##OnBuffer, Conformance, ::testing::Types<Name##OnBuffer>)

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
