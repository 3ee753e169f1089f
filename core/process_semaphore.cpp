#include "core/process_semaphore.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace weir {
namespace {

// Between processes, so without FUTEX_PRIVATE_FLAG.
void sleep_while_zero(const std::atomic<std::uint32_t>& word, const timespec* time) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAIT, 0, time, nullptr, 0);
}

void wake(const std::atomic<std::uint32_t>& word, std::uint32_t sleepers) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, sleepers > INT_MAX ? INT_MAX : static_cast<int>(sleepers), nullptr,
            nullptr, 0);
}

}  // namespace

// Both counts are looked at after the other one was changed, in one order for all (seq_cst): who goes to sleep is seen
// here, or sees the turn.
void ProcessSemaphore::release(std::uint32_t turns) noexcept {
  if (turns == 0) {
    return;
  }
  count_.fetch_add(turns);
  if (sleepers_.load() != 0) {
    const int saved = errno;
    wake(count_, turns);
    errno = saved;
  }
}

void ProcessSemaphore::acquire() noexcept {
  while (!acquire_for(std::chrono::nanoseconds::max())) {
  }
}

bool ProcessSemaphore::acquire_for(std::chrono::nanoseconds time) noexcept {
  using Clock = std::chrono::steady_clock;
  if (try_acquire()) {
    return true;
  }
  const auto now = Clock::now();
  const auto end = time < Clock::time_point::max() - now ? now + time : Clock::time_point::max();
  const int saved = errno;
  sleepers_.fetch_add(1);
  bool acquired = try_acquire();
  for (auto left = end - Clock::now(); !acquired && left.count() > 0; left = end - Clock::now()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec most{seconds.count(), static_cast<long>((left - seconds).count())};
    sleep_while_zero(count_, &most);
    acquired = try_acquire();
  }
  sleepers_.fetch_sub(1);
  errno = saved;
  return acquired;
}

}  // namespace weir
