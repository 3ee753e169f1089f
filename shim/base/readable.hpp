// Whether an address can be read, without a descriptor and without a fault.
#pragma once

#include <cstdint>

#include "shim/base/sys.hpp"

namespace weir {

// Asks the kernel to take a signal set from there: it copies the set before it looks at `how`, so EINVAL
// means readable and EFAULT means not (Abseil's method). True for the eight bytes around `address`, and so
// for its page. About 100 ns; async-signal-safe.
inline bool is_readable(std::uint64_t address) noexcept {
  constexpr long kNoSuchHow = ~0l;
  if (address < 8) return false;  // for the kernel that is no set at all
  constexpr long kEinval = -22;
  return sys::call(SYS_rt_sigprocmask, kNoSuchHow, static_cast<long>(address & ~std::uint64_t{7}), 0, 8) ==
         kEinval;
}

}  // namespace weir
