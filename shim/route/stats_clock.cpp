#include "shim/route/stats_clock.hpp"

#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/route/route_report.hpp"
#include "shim/route/targets.hpp"
#include "shim/route/thread_cache.hpp"

namespace weir::stats_clock {

constinit std::atomic<std::uint64_t> due{~std::uint64_t{0}};

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kFirstTicks = std::uint64_t{1}
                                      << 20;  // until the counter's rate is known: less than a millisecond

constinit std::uint64_t start_ns = 0;
constinit std::uint64_t start_ticks = 0;
constinit std::uint64_t written = 0;  // intervals that are over
constinit std::atomic<bool> at_work{false};

// Before it is time, by a tenth of what is left: the rate is an estimate.
void look_again(std::uint64_t now_ns, std::uint64_t left_ns) noexcept {
  const std::uint64_t ticks = __builtin_ia32_rdtsc();
  const double rate = static_cast<double>(ticks - start_ticks) / static_cast<double>(now_ns - start_ns + 1);
  const auto wait = static_cast<std::uint64_t>(0.9 * rate * static_cast<double>(left_ns));
  due.store(ticks + (wait > kFirstTicks ? wait : kFirstTicks), std::memory_order_relaxed);
}

}  // namespace

void start() noexcept {
  start_ns = sys::now_ns();
  start_ticks = __builtin_ia32_rdtsc();
  written = 0;
  at_work.store(false, std::memory_order_relaxed);
  if (options.stats_every != 0) due.store(start_ticks + kFirstTicks, std::memory_order_relaxed);
}

std::uint64_t elapsed_ns() noexcept {
  return sys::now_ns() - start_ns;
}

void write_if_due() noexcept {
  ThreadCache* const cache = thread_cache();
  if (cache == nullptr || cache->working)
    return;  // a signal handler's call, or a thread that ends: the next one's
  if (at_work.exchange(true, std::memory_order_acquire)) return;
  const std::uint64_t every = options.stats_every * kSecond;
  const std::uint64_t now = sys::now_ns();
  const std::uint64_t next = start_ns + (written + 1) * every;
  if (now >= next) {
    written = (now - start_ns) / every;
    const routed::Working working(cache);
    RouteReport reports[kMostRules + 1];
    RouteNames names;
    const unsigned count = describe_routes(reports, names, false);
    if (options.stats_path[0] == '\0') print_route_table(reports, count);
    if (!write_stats(reports, count)) {  // once is enough
      due.store(~std::uint64_t{0}, std::memory_order_relaxed);
      return at_work.store(false, std::memory_order_release);
    }
  }
  look_again(now, start_ns + (written + 1) * every - now);
  at_work.store(false, std::memory_order_release);
}

}  // namespace weir::stats_clock
