// Counts like Counting, and tells a sink of the state every so often: what is live, what came since the last time, and
// how fast.
//
//   Snapshotting heap(pool, {.clock = clock, .interval = 10 * kNanosecondsPerSecond}, {write_to_log, &log});
//   heap.request();     // in a signal handler: a snapshot with the next call
//
// - No thread of its own: the clock is looked at with every `every`-th call, and a snapshot is due with the first of
//   these that finds the interval over. An allocator that nobody calls says nothing.
// - A few additions a call, the clock's cost each `every`-th, the sink's each interval; no memory. The sink must not use
//   the allocator.
// - Not thread-safe but for request(), which is async-signal-safe as well. After the reset of an arena below, call
//   forget_live().
#pragma once

#include <atomic>

#include "counting.hpp"
#include "rates.hpp"

namespace weir {

struct Snapshot {
  std::uint64_t time = 0;  // of the clock
  std::size_t number = 0;  // 0, 1, 2...
  bool requested = false;  // or the interval was over
  Counts counts;           // since the start
  Rate interval;           // since the last snapshot
  Rate run;                // since the start
};

struct SnapshotSink {
  void (*take)(void* context, const Snapshot& snapshot) noexcept = nullptr;
  void* context = nullptr;
};

struct SnapshotOptions {
  Clock clock = {};
  std::uint64_t interval = 0;  // ticks; 0: by request alone
  std::uint64_t ticks_per_second = kNanosecondsPerSecond;
  std::uint32_t every = 64;  // calls
};

template <Allocator A>
class Snapshotting : public Counting<A> {
  using Base = Counting<A>;

 public:
  Snapshotting(A& below, SnapshotOptions options, SnapshotSink sink) noexcept
      : Base(below), options_(options), sink_(sink), meter_(options.clock, options.ticks_per_second) {
    if (options_.every == 0) options_.every = 1;
    calls_left_ = options_.every;
  }

  void* allocate(Layout layout, CallerAddress caller = nullptr) noexcept {
    void* block = Base::allocate(layout, caller);
    count_call();
    return block;
  }
  bool resize(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    const bool done = Base::resize(block, layout, bytes, caller);
    count_call();
    return done;
  }
  void* remap(void* block, Layout layout, std::size_t bytes, CallerAddress caller = nullptr) noexcept {
    void* moved = Base::remap(block, layout, bytes, caller);
    count_call();
    return moved;
  }
  void deallocate(void* block, Layout layout, CallerAddress caller = nullptr) noexcept {
    Base::deallocate(block, layout, caller);
    count_call();
  }

  // With the next call of the allocator, on the thread that makes it.
  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }

  // Now; the interval begins anew.
  void take_snapshot(bool requested = true) noexcept {
    Snapshot snapshot;
    snapshot.time = meter_.now();
    snapshot.number = snapshots_++;
    snapshot.requested = requested;
    snapshot.counts = this->counts();
    snapshot.run = meter_.since_start(snapshot.counts);
    snapshot.interval = meter_.since_last(snapshot.counts);
    if (sink_.take != nullptr) sink_.take(sink_.context, snapshot);
  }

  std::size_t snapshots() const noexcept { return snapshots_; }

 private:
  void count_call() noexcept {
    if (requested_.load(std::memory_order_relaxed)) [[unlikely]] {
      requested_.store(false, std::memory_order_relaxed);
      take_snapshot(true);
    }
    if (--calls_left_ == 0) [[unlikely]] {
      calls_left_ = options_.every;
      if (options_.interval != 0 && meter_.now() - meter_.last() >= options_.interval) take_snapshot(false);
    }
  }

  SnapshotOptions options_;
  SnapshotSink sink_;
  RateMeter meter_;
  std::uint32_t calls_left_;
  std::size_t snapshots_ = 0;
  std::atomic<bool> requested_ = false;
};

}  // namespace weir
