// A lock for short, rare sections of our own tables; never held over a call to anything else.
//
// The holder is always in a guarded section (see ThreadState::busy), so a signal handler that allocates on
// the same thread knows to use try_lock. Zero-initialised, valid before constructors.
#pragma once

#include <atomic>

#include "shim/base/sys.hpp"

namespace weir {

class SpinLock {
 public:
  bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }

  void lock() noexcept {
    int spins = 0;
    while (!try_lock()) {
      while (held_.load(std::memory_order_relaxed)) {
        if (++spins % 64 == 0) {
          sys::call(SYS_sched_yield);
        } else {
          __builtin_ia32_pause();
        }
      }
    }
  }

  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

// lock() on entry or, nested in an interrupted section, try_lock(); unlocks what it locked.
class SpinGuard {
 public:
  SpinGuard(SpinLock& lock, bool nested) noexcept : lock_(lock), held_(true) {
    if (nested) {
      held_ = lock_.try_lock();
    } else {
      lock_.lock();
    }
  }
  ~SpinGuard() {
    if (held_) lock_.unlock();
  }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

  bool held() const noexcept { return held_; }

 private:
  SpinLock& lock_;
  bool held_;
};

}  // namespace weir
