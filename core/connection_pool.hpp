// Connections, or whatever else is dear to open, limited in number, and apt to break while nobody looks; for
// any number of threads.
//
//   struct Database {                                        // the policy: how one is opened, and whether it is well
//     std::optional<Session> open();                         // empty: it can't be had now
//     bool is_well(Session&);                                // may be left out: all are
//     void close(Session&);                                  // may be left out: the destructor does it
//   };
//   weir::ConnectionPool pool(Database{}, {.limit = 8, .max_age = 1h});
//   {
//     auto session = pool.acquire();                         // waits for one; acquire_for(100ms), try_acquire()
//     if (!session) return session.status();                 // kTimeout, kNotOpened, kShutDown...
//     session->query(...);                                   // session.discard() where it has failed
//   }                                                        // goes back, open
//   pool.shutdown();                                         // nobody gets one any more; drain_for(5s) waits for all
//
// - At most `limit` exist at once, those being opened and closed included. Who waits is served in turn.
// - The one that was used last is used next, so that those too many grow idle: evict() closes them.
// - One that was idle is asked whether it is well before it is handed out. If it isn't, or is older than
//   max_age or was idle for longer than max_idle, it is closed and another opened in its place. One older than
//   max_age is closed when it comes back.
// - open, is_well and close run outside of the lock, several at once on different connections. What they take
//   counts for no timeout: those are for waiting. They should not throw: the pool's operations are noexcept,
//   and it would end the program.
// - acquire and release are O(1), evict O(idle). Memory is one entry a connection, from the backing allocator
//   (under the lock), kept until the end.
// - The destructor is shutdown(), and waits until all leases are back and nobody waits: a thread that still has one must not
//   destroy the pool. Neither from signal handlers, nor across fork.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

#include "allocator.hpp"
#include "page_allocator.hpp"
#include "pool/object_pool.hpp"

namespace weir {

struct ConnectionPoolOptions {
  using Duration = std::chrono::nanoseconds;

  std::size_t limit = 8;
  Duration max_age = Duration::max();   // since it was opened
  Duration max_idle = Duration::max();  // since it was used
  Duration trusted = Duration::zero();  // idle for less than that, it isn't asked whether it is well
};

enum class LeaseStatus : std::uint8_t {
  kNone,  // nothing was asked for
  kGiven,
  kTimeout,    // none became free in time
  kNotOpened,  // open() had none
  kNoMemory,   // for the entry of one more
  kShutDown,
};

// What has happened so far.
struct ConnectionCounts {
  std::size_t opened = 0;
  std::size_t reused = 0;
  std::size_t failed = 0;     // open() had none
  std::size_t unwell = 0;     // closed because is_well() said no
  std::size_t expired = 0;    // closed for their age, or because they were idle
  std::size_t discarded = 0;  // closed because their user said so
  std::size_t timeouts = 0;
  std::size_t waits = 0;  // acquires for which there was none at once
};

template <typename Policy, typename Connection, Allocator Backing = PageAllocator,
          typename Clock = std::chrono::steady_clock>
class ConnectionPool {
  struct Entry {
    std::optional<Connection> connection;
    typename Clock::time_point opened_at;
    typename Clock::time_point idle_since;
    Entry* next = nullptr;
  };
  using Time = typename Clock::time_point;
  using Waiting = std::chrono::steady_clock;

 public:
  // A connection until the end of the scope. Move-only; may end on another thread.
  class [[nodiscard]] Lease {
   public:
    Lease() noexcept = default;
    Lease(Lease&& other) noexcept
        : pool_(other.pool_),
          entry_(std::exchange(other.entry_, nullptr)),
          status_(other.status_),
          discarded_(other.discarded_) {}
    Lease& operator=(Lease&& other) noexcept {
      if (this != &other) {
        reset();
        pool_ = other.pool_;
        entry_ = std::exchange(other.entry_, nullptr);
        status_ = other.status_;
        discarded_ = other.discarded_;
      }
      return *this;
    }
    ~Lease() { reset(); }

    explicit operator bool() const noexcept { return entry_ != nullptr; }
    LeaseStatus status() const noexcept { return status_; }  // what acquire said
    Connection* get() const noexcept { return entry_ == nullptr ? nullptr : &*entry_->connection; }
    Connection& operator*() const noexcept { return *entry_->connection; }
    Connection* operator->() const noexcept { return &*entry_->connection; }

    // It has failed: it will be closed, and not given to anybody else.
    void discard() noexcept { discarded_ = true; }
    // Gives it back now.
    void reset() noexcept {
      if (Entry* entry = std::exchange(entry_, nullptr)) {
        pool_->give_back(entry, std::exchange(discarded_, false));
      }
    }

   private:
    friend ConnectionPool;
    explicit Lease(LeaseStatus status) noexcept : status_(status) {}
    Lease(ConnectionPool& pool, Entry* entry) noexcept
        : pool_(&pool), entry_(entry), status_(LeaseStatus::kGiven) {}

    ConnectionPool* pool_ = nullptr;
    Entry* entry_ = nullptr;
    LeaseStatus status_ = LeaseStatus::kNone;
    bool discarded_ = false;
  };

  explicit ConnectionPool(Policy policy, ConnectionPoolOptions options = {},
                          Backing& backing = page_allocator) noexcept
      : policy_(std::move(policy)), options_(options), entries_(backing, {.limit = options.limit}) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;
  ~ConnectionPool() {
    shutdown();
    std::unique_lock lock(lock_);
    drained_.wait(lock, [&] { return entries_.in_use() == 0 && waiters_ == nullptr; });
  }

  // Waits until there is one, or the pool is shut down.
  Lease acquire() noexcept {
    return acquire([](std::condition_variable& turn, std::unique_lock<std::mutex>& lock, auto ready) {
      turn.wait(lock, ready);
      return true;
    });
  }
  // Waits for so long at most.
  template <typename Rep, typename Period>
  Lease acquire_for(std::chrono::duration<Rep, Period> time) noexcept {
    return acquire_until(Waiting::now() + std::chrono::ceil<Waiting::duration>(time));
  }
  Lease acquire_until(Waiting::time_point end) noexcept {
    return acquire([end](std::condition_variable& turn, std::unique_lock<std::mutex>& lock, auto ready) {
      return turn.wait_until(lock, end, ready);
    });
  }
  // Does not wait. Who waits comes before.
  Lease try_acquire() noexcept {
    return acquire(
        [](std::condition_variable&, std::unique_lock<std::mutex>&, auto ready) { return ready(); });
  }

  // Closes the idle ones that are too old or idle for too long; returns how many. For a timer to call.
  std::size_t evict() noexcept { return close_idle(options_.max_idle); }
  std::size_t evict(ConnectionPoolOptions::Duration max_idle) noexcept { return close_idle(max_idle); }

  // From now on nobody gets one, and who waits is told so; idle ones are closed. Returns without waiting for
  // the leases, whose connections are closed as they come back. Once is enough.
  void shutdown() noexcept {
    {
      const std::lock_guard guard(lock_);
      shut_down_ = true;
      for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) {
        waiter->turn.notify_one();
      }
    }
    close_idle(ConnectionPoolOptions::Duration::min());
  }

  // Shuts down and waits until all leases are back and all connections closed; false if they weren't in time.
  template <typename Rep, typename Period>
  bool drain_for(std::chrono::duration<Rep, Period> time) noexcept {
    const auto end = Waiting::now() + std::chrono::ceil<Waiting::duration>(time);
    shutdown();
    std::unique_lock lock(lock_);
    return drained_.wait_until(lock, end, [&] { return entries_.in_use() == 0; });
  }

  std::size_t idle() const noexcept {
    const std::lock_guard guard(lock_);
    return idle_count_;
  }
  // Acquired, being opened or being closed.
  std::size_t in_use() const noexcept {
    const std::lock_guard guard(lock_);
    return entries_.in_use() - idle_count_;
  }
  std::size_t waiting() const noexcept {
    const std::lock_guard guard(lock_);
    std::size_t sum = 0;
    for (const Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) ++sum;
    return sum;
  }
  std::size_t limit() const noexcept { return options_.limit; }
  ConnectionCounts counts() const noexcept {
    const std::lock_guard guard(lock_);
    return counts_;
  }
  Policy& policy() noexcept { return policy_; }

 private:
  // On the stack of who waits, in a list in the order of their coming.
  struct Waiter {
    std::condition_variable turn;
    Waiter* next = nullptr;
  };

  template <typename Wait>
  Lease acquire(Wait wait) noexcept {
    std::unique_lock lock(lock_);
    Waiter me;
    Waiter** last = &waiters_;
    while (*last != nullptr) last = &(*last)->next;
    *last = &me;
    const auto ready = [&] { return shut_down_ || (waiters_ == &me && has_one()); };
    bool given = ready();
    if (!given) {
      ++counts_.waits;
      given = wait(me.turn, lock, ready);
    }
    Waiter** place = &waiters_;
    while (*place != &me) place = &(*place)->next;
    *place = me.next;
    if (shut_down_ && waiters_ == nullptr) drained_.notify_all();

    Entry* entry = nullptr;
    LeaseStatus status = !given       ? LeaseStatus::kTimeout
                         : shut_down_ ? LeaseStatus::kShutDown
                                      : LeaseStatus::kGiven;
    if (status == LeaseStatus::kGiven) {
      entry = idle_ != nullptr ? pop_idle() : entries_.acquire();
      if (entry == nullptr) status = LeaseStatus::kNoMemory;
    }
    counts_.timeouts += status == LeaseStatus::kTimeout ? 1 : 0;
    wake_next();
    if (entry == nullptr) return Lease(status);
    const bool fresh = !entry->connection.has_value();
    lock.unlock();
    return fresh ? open(entry) : reuse(entry);
  }

  bool has_one() const noexcept { return idle_ != nullptr || entries_.in_use() < options_.limit; }
  void wake_next() noexcept {
    if (waiters_ != nullptr && has_one()) waiters_->turn.notify_one();
  }

  // The entry is the thread's own in the next ones; the lock is free.
  Lease open(Entry* entry) noexcept {
    std::destroy_at(&entry->connection);
    ::new (&entry->connection)
        std::optional<Connection>(policy_.open());  // in its place: it need not be movable
    const bool done = entry->connection.has_value();
    if (done) entry->opened_at = Clock::now();
    const std::lock_guard guard(lock_);
    ++(done ? counts_.opened : counts_.failed);
    if (done) return Lease(*this, entry);
    remove(entry);
    return Lease(LeaseStatus::kNotOpened);
  }

  Lease reuse(Entry* entry) noexcept {
    const Time now = Clock::now();
    const bool expired = has_expired(*entry, now, options_.max_idle);
    if (!expired && (now - entry->idle_since < options_.trusted || is_well(*entry->connection))) {
      const std::lock_guard guard(lock_);
      ++counts_.reused;
      return Lease(*this, entry);
    }
    close(*entry);
    {
      const std::lock_guard guard(lock_);
      ++(expired ? counts_.expired : counts_.unwell);
    }
    return open(entry);
  }

  void give_back(Entry* entry, bool discarded) noexcept {
    const Time now = Clock::now();
    entry->idle_since = now;
    const bool expired = now - entry->opened_at >= options_.max_age;
    if (!discarded && !expired) {
      const std::lock_guard guard(lock_);
      if (!shut_down_) {
        entry->next = std::exchange(idle_, entry);
        ++idle_count_;
        wake_next();
        return;
      }
    }
    close(*entry);
    const std::lock_guard guard(lock_);
    counts_.discarded += discarded ? 1 : 0;
    counts_.expired += expired && !discarded ? 1 : 0;
    remove(entry);
  }

  std::size_t close_idle(ConnectionPoolOptions::Duration max_idle) noexcept {
    Entry* closing = nullptr;
    {
      const std::lock_guard guard(lock_);
      const Time now = Clock::now();
      for (Entry** place = &idle_; *place != nullptr;) {
        Entry* entry = *place;
        if (!shut_down_ && !has_expired(*entry, now, max_idle)) {
          place = &entry->next;
          continue;
        }
        *place = entry->next;
        --idle_count_;
        entry->next = std::exchange(closing, entry);
        counts_.expired += shut_down_ ? 0 : 1;
      }
    }
    std::size_t closed = 0;
    while (closing != nullptr) {
      Entry* entry = std::exchange(closing, closing->next);
      close(*entry);
      ++closed;
      const std::lock_guard guard(lock_);
      remove(entry);
    }
    return closed;
  }

  bool has_expired(const Entry& entry, Time now, ConnectionPoolOptions::Duration max_idle) const noexcept {
    return now - entry.opened_at >= options_.max_age || now - entry.idle_since >= max_idle;
  }
  bool is_well(Connection& connection) noexcept {
    if constexpr (requires { policy_.is_well(connection); }) {
      return policy_.is_well(connection);
    } else {
      return true;
    }
  }
  void close(Entry& entry) noexcept {
    if constexpr (requires { policy_.close(*entry.connection); }) policy_.close(*entry.connection);
    entry.connection.reset();
  }

  // Under the lock, as pop_idle: there is room for one more.
  void remove(Entry* entry) noexcept {
    entries_.release(entry);
    wake_next();
    // Under the lock: the pool may be gone as soon as who waits for this has it.
    if (shut_down_ && entries_.in_use() == 0) drained_.notify_all();
  }
  Entry* pop_idle() noexcept {
    Entry* entry = std::exchange(idle_, idle_->next);
    --idle_count_;
    return entry;
  }

  Policy policy_;
  const ConnectionPoolOptions options_;
  mutable std::mutex lock_;
  std::condition_variable drained_;
  Waiter* waiters_ = nullptr;  // who came first first
  Entry* idle_ = nullptr;      // used last first
  std::size_t idle_count_ = 0;
  bool shut_down_ = false;
  ConnectionCounts counts_;
  Pool<Entry, Backing> entries_;
};
template <typename Policy>
ConnectionPool(Policy)
    -> ConnectionPool<Policy, typename decltype(std::declval<Policy&>().open())::value_type>;
template <typename Policy>
ConnectionPool(Policy, ConnectionPoolOptions)
    -> ConnectionPool<Policy, typename decltype(std::declval<Policy&>().open())::value_type>;
template <typename Policy, Allocator Backing>
ConnectionPool(Policy, ConnectionPoolOptions, Backing&)
    -> ConnectionPool<Policy, typename decltype(std::declval<Policy&>().open())::value_type, Backing>;

}  // namespace weir
