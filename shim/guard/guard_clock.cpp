#include "shim/guard/guard_clock.hpp"

#include "shim/base/sys.hpp"

namespace weir {
namespace {

constexpr std::uint64_t kShownNs = 100'000;  // about a tick: no more is known

constinit std::uint64_t first_count = 0;
constinit std::uint64_t first_ns = 0;

}  // namespace

void start_guard_clock() noexcept {
  first_count = __builtin_ia32_rdtsc();
  first_ns = sys::now_ns();
}

std::uint64_t nanoseconds_since(std::uint32_t ticks) noexcept {
  const std::uint64_t counted = __builtin_ia32_rdtsc() - first_count;
  const std::uint64_t passed = sys::now_ns() - first_ns;
  if (counted == 0) return 0;
  const std::uint32_t ago = ticks_now() - ticks;
  const auto exact = static_cast<std::uint64_t>(static_cast<double>(std::uint64_t{ago} << kTickShift) *
                                                static_cast<double>(passed) / static_cast<double>(counted));
  return exact / kShownNs * kShownNs;
}

}  // namespace weir
