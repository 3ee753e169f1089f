// The lock of the call log's file, in memory that several processes share.
//
// All signals stay out meanwhile, and one thread of all processes is in. A process that was killed in here
// cannot give the lock back: who waits for it looks whether the holder is still there, and not a zombie,
// which the one who waits may have to collect.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "shim/base/say.hpp"
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
      if (tries % 1000 == 0 && holder != 0 && is_gone(holder) &&
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
  static bool is_gone(std::uint32_t holder) noexcept {
    if (sys::call(SYS_kill, holder, 0) == -ESRCH) return true;
    const Line path = Line().text("/proc/").number(holder).text("/stat");
    char name[32] = "";
    path.view().copy(name, sizeof name - 1);
    char stat[128] = "";  // number, name of at most 64 bytes in brackets, state
    const int fd = sys::open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const long n = sys::read(fd, stat, sizeof stat);
    sys::close(fd);
    const std::string_view text(stat, n > 0 ? static_cast<std::size_t>(n) : 0);
    const std::size_t state = text.rfind(") ");
    return state != std::string_view::npos && state + 2 < text.size() &&
           (text[state + 2] == 'Z' || text[state + 2] == 'X');
  }

  std::atomic<std::uint32_t>& owner_;
  std::uint64_t before_ = 0;
};

}  // namespace weir::call_log
