// Connections to a server: few, dear to make, shared by many threads, and apt to break while nobody looks.
//
// weir::ConnectionPool keeps to a limit, lets threads wait in turn, asks an idle connection whether it is well
// before it hands it out, closes what is too old, and drains at the end. Only how to connect, to ask and to say
// goodbye is the program's.
//
// prints:
//   1600 answers over at most 3 connections
//   the fourth waits, and gives up
//   a broken one is replaced
//   idle ones are closed
//   without a server there is nothing, with it all is well again
//   at the end the pool waits for the last one
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>
#include <vector>

#include "core/connection_pool.hpp"

namespace {

using namespace std::chrono_literals;

// Stands for a socket and a handshake.
class Connection {
 public:
  static inline std::atomic<int> open = 0;
  static inline std::atomic<int> most_open = 0;

  Connection() noexcept {
    const int now = ++open;
    int most = most_open;
    while (most < now && !most_open.compare_exchange_weak(most, now)) {
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --open; }

  bool is_well() const noexcept { return !broken_; }
  int ask(int question) noexcept { return question + 1; }
  void break_down() noexcept { broken_ = true; }

 private:
  bool broken_ = false;
};

struct Server {
  static inline std::atomic<bool> is_up = true;
  static inline std::atomic<int> goodbyes = 0;

  std::optional<Connection> open() {
    if (!is_up) return std::nullopt;
    return std::optional<Connection>(std::in_place);
  }
  bool is_well(const Connection& connection) const { return connection.is_well(); }
  void close(Connection&) { ++goodbyes; }
};

using Pool = weir::ConnectionPool<Server, Connection>;

bool serve_many_threads(Pool& pool) {
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int number = 0; number < 8; ++number) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        auto connection = pool.acquire();
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

bool wait_and_time_out(Pool& pool) {
  auto a = pool.acquire();
  auto b = pool.acquire();
  auto c = pool.acquire();
  if (!a || !b || !c || pool.acquire_for(20ms).status() != weir::LeaseStatus::kTimeout) return false;

  std::thread returning([&] {
    while (pool.waiting() == 0) std::this_thread::yield();
    b.reset();
  });
  const bool served = static_cast<bool>(pool.acquire());
  returning.join();
  return served;
}

bool replace_broken_ones(Pool& pool) {
  pool.acquire()->break_down();
  const std::size_t unwell = pool.counts().unwell;
  const auto connection = pool.acquire();
  return connection && connection->is_well() && pool.counts().unwell == unwell + 1;
}

// For a timer: those that nobody has wanted for an hour, then all that are idle.
bool close_idle_ones(Pool& pool) {
  if (pool.idle() == 0 || pool.evict(1h) != 0) return false;
  const std::size_t idle = pool.idle();
  return pool.evict(0s) == idle && Connection::open == 0;
}

bool survive_the_server(Pool& pool) {
  Server::is_up = false;
  if (pool.acquire().status() != weir::LeaseStatus::kNotOpened) return false;
  Server::is_up = true;
  return static_cast<bool>(pool.acquire());
}

bool drain(Pool& pool) {
  auto last = pool.acquire();
  if (pool.drain_for(1ms) || pool.acquire().status() != weir::LeaseStatus::kShutDown) return false;
  std::thread using_it([last = std::move(last)]() mutable { last->ask(1); });
  const bool drained = pool.drain_for(1h);
  using_it.join();
  return drained && Connection::open == 0;
}

}  // namespace

int main() {
  Pool pool(Server{}, {.limit = 3, .max_age = 1h});
  const auto passed = [](bool good, const char* what) {
    std::puts(good ? what : "something went wrong");
    return good;
  };
  return serve_many_threads(pool) && passed(wait_and_time_out(pool), "the fourth waits, and gives up") &&
                 passed(replace_broken_ones(pool), "a broken one is replaced") &&
                 passed(close_idle_ones(pool), "idle ones are closed") &&
                 passed(survive_the_server(pool),
                        "without a server there is nothing, with it all is well again") &&
                 passed(drain(pool), "at the end the pool waits for the last one")
             ? 0
             : 1;
}
