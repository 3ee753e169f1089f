// Statistics while the program runs (stats_every): it writes them itself, in a call of the heap that comes when they are
// due. There is no thread and no signal for it; a program that calls nothing changes nothing either.
//
// A call pays one read of the processor's time stamp counter; the system's clock is asked when that says that it may be
// time.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::stats_clock {

// In the process's first allocation; in a fork's child the clock starts anew.
void start() noexcept;

// Since then.
std::uint64_t elapsed_ns() noexcept;

// The counter's value from which on it may be time; never without stats_every.
extern std::atomic<std::uint64_t> due;

// Writes them where it is time. On a thread that holds no lock.
void write_if_due() noexcept;

inline void tick() noexcept {
  if (__builtin_expect(__builtin_ia32_rdtsc() >= due.load(std::memory_order_relaxed), 0)) write_if_due();
}

}  // namespace weir::stats_clock
