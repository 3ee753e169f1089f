// The lock of the call log's file, in memory that several processes share.
//
// All signals stay out meanwhile, and one thread of all processes is in. A process that was killed in here
// cannot give the lock back: who waits for it looks whether the holder is still there.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "shim/base/sys.hpp"

namespace weir::call_log {

class CallLogLock {
 public:
  // `owner` is the thread id of who holds it; 0: nobody.
  explicit CallLogLock(std::atomic<std::uint32_t>& owner) noexcept : owner_(owner) {
    const std::uint64_t all = ~std::uint64_t{0};
    sys::call(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, sys::as_word(&all), sys::as_word(&before_), 8);
    const auto self = static_cast<std::uint32_t>(sys::gettid());
    for (unsigned tries = 1;; ++tries) {
      std::uint32_t holder = 0;
      if (owner_.compare_exchange_strong(holder, self, std::memory_order_seq_cst)) return;
      sys::call(SYS_sched_yield);
      if (tries % 1000 == 0 && sys::call(SYS_kill, holder, 0) == -ESRCH &&
          owner_.compare_exchange_strong(holder, self, std::memory_order_seq_cst)) {
        return;
      }
    }
  }
  ~CallLogLock() {
    owner_.store(0, std::memory_order_seq_cst);
    sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::as_word(&before_), 0, 8);
  }
  CallLogLock(const CallLogLock&) = delete;
  CallLogLock& operator=(const CallLogLock&) = delete;

 private:
  std::atomic<std::uint32_t>& owner_;
  std::uint64_t before_ = 0;
};

}  // namespace weir::call_log
