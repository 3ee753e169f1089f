// A clock that costs a few cycles: the processor's time stamp counter in steps of some 0.1 ms, read by each
// thread every kCallsATick calls. So the age of a block is known to what its thread did in between.
#pragma once

#include <cstdint>

namespace weir {

inline constexpr std::uint32_t kCallsATick = 32;
inline constexpr unsigned kTickShift = 18;

inline std::uint32_t ticks_now() noexcept {
  return static_cast<std::uint32_t>(__builtin_ia32_rdtsc() >> kTickShift);
}

// In the constructor: from here on ticks can be told in nanoseconds.
void start_guard_clock() noexcept;

// How long before now that was; exact to a tick once some milliseconds have passed. Wraps after some days.
std::uint64_t nanoseconds_since(std::uint32_t ticks) noexcept;

}  // namespace weir
