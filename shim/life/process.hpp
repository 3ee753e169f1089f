// The life of the process: what the constructor sets up, what a fork changes, how the end is noticed.
#pragma once

#include <sys/types.h>

namespace weir {

pid_t this_process() noexcept;

// False in a vfork child and in a process made by a raw clone: they must not record or report.
bool is_this_process() noexcept;

// The check at the end. The status that the process shall end with.
[[nodiscard]] int finish(int status) noexcept;

}  // namespace weir
