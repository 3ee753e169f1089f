// A counting semaphore for memory that processes share: who has no turn sleeps in the system until another process
// gives one.
//
//   struct Shared { ProcessSemaphore full; ProcessSemaphore empty; Message message; };
//   auto* shared = reinterpret_cast<Shared*>(file.writable().data());   // MappedFile::open_shared_memory
//
// - Two words without pointers: any address in any process will do, aligned to 4 bytes. Zeroes are a semaphore of 0, so
//   new shared memory needs no construction, and no process must wait for another's.
// - Thread-safe, async-signal-safe but for waiting; works between threads as well. Never allocates; errno is left as it
//   was. A turn that is free costs one exchange; the system is called to sleep, and to wake who sleeps.
// - A process that dies keeps the turns that it took: acquire_for notices, nobody else does.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace weir {

class ProcessSemaphore {
 public:
  constexpr explicit ProcessSemaphore(std::uint32_t count = 0) noexcept : count_(count) {}
  ProcessSemaphore(const ProcessSemaphore&) = delete;
  ProcessSemaphore& operator=(const ProcessSemaphore&) = delete;

  // What was written before a release is seen after the acquire that takes its turn.
  void release(std::uint32_t turns = 1) noexcept;

  bool try_acquire() noexcept {
    std::uint32_t count = count_.load(std::memory_order_relaxed);
    while (count != 0) {
      if (count_.compare_exchange_weak(count, count - 1, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  void acquire() noexcept;

  // False when there was no turn in that time, of a clock that nobody sets.
  bool acquire_for(std::chrono::nanoseconds time) noexcept;

  std::uint32_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> count_;
  std::atomic<std::uint32_t> sleepers_ = 0;
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
};

}  // namespace weir
