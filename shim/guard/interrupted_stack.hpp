// The stack of the code that a signal interrupted, as a report shows it.
#pragma once

#include <ucontext.h>

#include "shim/track/block_header.hpp"

namespace weir {

// `fault` is the address that could not be accessed, or 0. Async-signal-safe; on the interrupted thread.
StackId interrupted_stack(const ucontext_t& context, std::uint64_t fault) noexcept;

}  // namespace weir
