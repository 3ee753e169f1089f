// Who holds how much: the findings file (reason kLimit) of a limit that was exceeded.
#pragma once

#include "shim/abi/findings.hpp"
#include "shim/unwind/stack_memo.hpp"
#include "shim/watch/limits_report.hpp"

namespace weir::limits {

// The blocks that the limit counts, by the stacks that allocated them; with a limit on something else all
// blocks. `stack` is the request's. nullptr when there is no memory. The heap must stand still; memory comes
// from the table zone and stays.
const FindingsHeader* write_holders(const Excess& excess, StackId stack) noexcept;

}  // namespace weir::limits
