// The times of the call log: CLOCK_MONOTONIC, read once in about half a millisecond, and between by the
// processor's counter at the rate that it had in the time before. A reading of the system's clock, though no
// system call, takes as long as a sixth of a line.
//
// Each thread counts for itself, so that it makes no difference whether the counters of two processors agree:
// what a move to another one does to a time is gone with the next reading, and none is off by more than it
// takes. Times of one thread never go back.
//
// Async-signal-safe: a handler in the middle of a reading makes its own, and times of the thread may be off
// by as long as it ran, until the next.
#pragma once

#include <time.h>

#include <cstdint>

#include "shim/life/libc.hpp"

namespace weir::call_log {

class Clock {
 public:
  // Nanoseconds.
  std::uint64_t now() noexcept {
    const std::uint64_t passed = __builtin_ia32_rdtsc() - count_;
    if (__builtin_expect(passed < most_, 1)) return ns_ + scaled(passed);
    return read();
  }

 private:
  static constexpr std::uint64_t kCounts = std::uint64_t{1} << 20;  // between two readings
  static constexpr std::uint64_t kTogether = 1024;  // counts; the thread did not stand still in between
  static constexpr int kTries = 8;
  static constexpr unsigned kShift = 20;                    // of the rate
  static constexpr std::uint64_t kLongest = 1'000'000'000;  // a longer time tells no rate

  std::uint64_t scaled(std::uint64_t counts) const noexcept { return counts * rate_ >> kShift; }

  __attribute__((noinline, cold)) std::uint64_t read() noexcept {
    most_ = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    timespec t;
    std::uint64_t count;
    for (int tries = 0;; ++tries) {
      const std::uint64_t before = __builtin_ia32_rdtsc();
      libc::read_clock(CLOCK_MONOTONIC, t);
      count = __builtin_ia32_rdtsc();
      const std::uint64_t took = count - before;
      count -= took / 2;
      if (took < kTogether || tries == kTries) break;
    }
    std::uint64_t ns =
        static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
    const std::uint64_t counts = count - count_;
    const bool rates = count_ != 0 && ns - ns_ < kLongest && counts >= kCounts && counts < kLongest * 16;
    if (rates) {
      const std::uint64_t told = ns_ + scaled(kCounts);  // the latest that has been told
      rate_ = ((ns - ns_) << kShift) / counts;
      if (told > ns) ns = told;
    }
    if (!rates && count_ != 0 && counts < kCounts) return ns;  // the first ones: the rate is not known yet
    ns_ = ns;
    count_ = count;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    most_ = rate_ != 0 ? kCounts : 0;
    return ns;
  }

  std::uint64_t ns_ = 0;     // at the last reading
  std::uint64_t count_ = 0;  // the processor's counter then
  std::uint64_t rate_ = 0;   // nanoseconds a count, << kShift; 0: not known
  std::uint64_t most_ = 0;   // counts for which the rate holds
};

}  // namespace weir::call_log
