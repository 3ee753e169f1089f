// A lock for a few instructions, in a byte. A waiter soon gives up its turn, because the holder may have
// been preempted. Not for signal handlers, and not across fork: a copy that is held stays so in the child.
#pragma once

#include <atomic>
#include <thread>

namespace weir {

class SpinLock {
 public:
  bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }
  void lock() noexcept {
    for (int tries = 0; !try_lock(); ++tries) {
      if (tries >= kTriesBeforeYield) {
        std::this_thread::yield();
      }
    }
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  static constexpr int kTriesBeforeYield = 16;
  std::atomic<bool> held_{false};
};

}  // namespace weir
