// Connections to a server: few, dear to make, shared by many threads, and apt to break while nobody looks.
//
// - At most `limit` exist. acquire waits for one up to a timeout, and gives it as a handle that returns it.
// - A connection that was idle is asked whether it is well before it is handed out, and replaced if it
//   isn't.
// - The one that was used last is used next: those that are too many stay idle, until evict_idle closes
//   them.
// - Connecting and asking take time, and happen outside of the lock.
//
// Pool<T> holds the connections and keeps to the limit; Scoped returns each of them once.
//
// prints:
//   1600 answers over at most 3 connections
//   the fourth waits, and gives up
//   a broken one is replaced
//   idle ones are closed
//   without a server there is nothing, with it all is well again
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "core/pool.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Stands for a socket and a handshake.
class Connection {
 public:
  static inline std::atomic<int> open = 0;
  static inline std::atomic<int> most_open = 0;
  static inline std::atomic<bool> server_is_up = true;

  ~Connection() {
    if (connected_) --open;
  }
  bool connect() noexcept {
    if (!server_is_up) return false;
    connected_ = true;
    const int now = ++open;
    int most = most_open;
    while (most < now && !most_open.compare_exchange_weak(most, now)) {
    }
    return true;
  }
  bool is_well() const noexcept { return !broken_; }
  int ask(int question) noexcept { return question + 1; }
  void break_down() noexcept { broken_ = true; }

 private:
  bool connected_ = false;
  bool broken_ = false;
};

class ConnectionPool {
 public:
  using Lease = weir::Scoped<Connection, ConnectionPool>;

  explicit ConnectionPool(std::size_t limit) : connections_(weir::page_allocator, {.limit = limit}) {}

  // Empty when none became free in time, or the server can't be reached.
  Lease acquire(Clock::duration timeout) {
    const Clock::time_point end = Clock::now() + timeout;
    std::unique_lock lock(lock_);
    for (;;) {
      Connection* connection = nullptr;
      bool fresh = false;
      const auto available = [&] {
        if (!idle_.empty()) {
          connection = idle_.back().connection;
          idle_.pop_back();
        } else {
          connection = connections_.acquire();
          fresh = connection != nullptr;
        }
        return connection != nullptr;
      };
      if (!returned_.wait_until(lock, end, available)) return {};
      lock.unlock();
      const bool usable = fresh ? connection->connect() : connection->is_well();
      if (usable) return {*this, connection};
      lock.lock();
      connections_.release(connection);
      returned_.notify_one();  // its place is free
      if (fresh) return {};
    }
  }

  // Closes those that nobody has wanted for so long, and gives their memory back. For a timer to call.
  std::size_t evict_idle(Clock::duration age) {
    const std::lock_guard guard(lock_);
    const auto young =
        std::ranges::find_if(idle_, [&](const Idle& idle) { return Clock::now() - idle.since < age; });
    const auto evicted = static_cast<std::size_t>(young - idle_.begin());
    for (auto idle = idle_.begin(); idle != young; ++idle) connections_.release(idle->connection);
    idle_.erase(idle_.begin(), young);
    connections_.trim();
    return evicted;
  }

  std::size_t idle() {
    const std::lock_guard guard(lock_);
    return idle_.size();
  }

 private:
  friend Lease;

  // What a lease does at its end. Broken ones are closed by who gets them next.
  void release(Connection* connection) {
    const std::lock_guard guard(lock_);
    idle_.push_back({connection, Clock::now()});
    returned_.notify_one();
  }

  struct Idle {
    Connection* connection;
    Clock::time_point since;
  };

  std::mutex lock_;
  std::condition_variable returned_;
  weir::Pool<Connection> connections_;
  std::deque<Idle> idle_;  // longest idle first
};

bool serve_many_threads(ConnectionPool& pool) {
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        auto connection = pool.acquire(10s);
        if (!connection) continue;
        std::this_thread::sleep_for(10us);  // the server thinks
        answers += connection->ask(i) == i + 1 ? 1 : 0;
        if (i % 50 == 7) connection->break_down();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("%d answers over at most %d connections\n", answers.load(), Connection::most_open.load());
  return answers == 1600 && Connection::most_open == 3;
}

bool wait_and_time_out(ConnectionPool& pool) {
  auto a = pool.acquire(0s);
  auto b = pool.acquire(0s);
  auto c = pool.acquire(0s);
  const auto start = Clock::now();
  if (!a || !b || !c || pool.acquire(20ms) || Clock::now() - start < 20ms) return false;

  std::thread returning([&] {
    std::this_thread::sleep_for(10ms);
    b.reset();
  });
  const bool served = static_cast<bool>(pool.acquire(10s));
  returning.join();
  return served;
}

bool replace_broken_ones(ConnectionPool& pool) {
  {
    auto connection = pool.acquire(1s);
    if (!connection) return false;
    connection->break_down();
  }
  auto connection = pool.acquire(1s);
  return connection && connection->is_well();
}

bool close_idle_ones(ConnectionPool& pool) {
  if (pool.idle() == 0 || pool.evict_idle(1h) != 0) return false;
  const std::size_t idle = pool.idle();
  return pool.evict_idle(0s) == idle && Connection::open == 0;
}

bool survive_the_server(ConnectionPool& pool) {
  Connection::server_is_up = false;
  if (pool.acquire(1s)) return false;
  Connection::server_is_up = true;
  return static_cast<bool>(pool.acquire(1s));
}

}  // namespace

int main() {
  ConnectionPool pool(3);
  const auto passed = [](bool good, const char* what) {
    std::puts(good ? what : "something went wrong");
    return good;
  };
  return serve_many_threads(pool) && passed(wait_and_time_out(pool), "the fourth waits, and gives up") &&
                 passed(replace_broken_ones(pool), "a broken one is replaced") &&
                 passed(close_idle_ones(pool), "idle ones are closed") &&
                 passed(survive_the_server(pool),
                        "without a server there is nothing, with it all is well again")
             ? 0
             : 1;
}
