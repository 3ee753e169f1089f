// How fast an allocator is used: allocations, frees and bytes a second, from counts at two times.
//
//   RateMeter meter(clock);
//   meter.since_start(counting.counts());    // the mean of the whole run
//   meter.since_last(counting.counts());     // since the last such call, or the start; and the next interval begins
//
// Times are the clock's: nanoseconds, or what `ticks_per_second` says. Counts may be of anything that keeps a Usage.
// Not thread-safe; never allocates. O(1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "clock.hpp"
#include "usage.hpp"

namespace weir {

inline constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

// What happened in a time. A time of no length has no rates: they are 0.
struct Rate {
  std::uint64_t ticks = 0;
  std::uint64_t ticks_per_second = kNanosecondsPerSecond;
  std::size_t allocations = 0;
  std::size_t frees = 0;
  std::size_t bytes = 0;        // of allocations, and what blocks grew by
  std::size_t freed_bytes = 0;  // of frees, and what blocks shrank by

  double seconds() const noexcept {
    return static_cast<double>(ticks) / static_cast<double>(ticks_per_second);
  }
  double allocations_per_second() const noexcept { return per_second(allocations); }
  double frees_per_second() const noexcept { return per_second(frees); }
  double bytes_per_second() const noexcept { return per_second(bytes); }
  double freed_bytes_per_second() const noexcept { return per_second(freed_bytes); }

 private:
  double per_second(std::size_t count) const noexcept {
    return ticks == 0 ? 0 : static_cast<double>(count) / seconds();
  }
};

class RateMeter {
 public:
  explicit RateMeter(Clock clock, std::uint64_t ticks_per_second = kNanosecondsPerSecond) noexcept
      : clock_(clock), ticks_per_second_(ticks_per_second), start_(clock()), last_(start_) {}

  Rate since_start(const Usage& now) const noexcept { return between(start_, {}, clock_(), now); }

  Rate since_last(const Usage& now) noexcept {
    const std::uint64_t time = clock_();
    const Rate rate = between(last_, usage_, time, now);
    last_ = time;
    usage_ = now;
    return rate;
  }

  // When since_last was asked last, by the clock.
  std::uint64_t last() const noexcept { return last_; }
  std::uint64_t start() const noexcept { return start_; }
  std::uint64_t now() const noexcept { return clock_(); }

 private:
  // A clock that was set back has not moved.
  Rate between(std::uint64_t from, const Usage& before, std::uint64_t to, const Usage& now) const noexcept {
    return {to > from ? to - from : 0,
            ticks_per_second_,
            now.allocations - before.allocations,
            now.frees - before.frees,
            now.total_bytes - before.total_bytes,
            (now.total_bytes - now.live_bytes) - (before.total_bytes - before.live_bytes)};
  }

  Clock clock_;
  std::uint64_t ticks_per_second_;
  std::uint64_t start_;
  std::uint64_t last_;
  Usage usage_;
};

}  // namespace weir
