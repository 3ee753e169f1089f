// Pools of other kinds: with all their memory from the beginning, with objects that are made when they are first
// needed, and for several threads.
//
// prints:
//   bullets: 3 of 8 in the air, 5 available; at 8 no more are fired
//   buffers: 2 made for 100 requests, as large as was set last
//   parsers: at most 4 made for 4 threads, each used again and clean
//   a handle knows that its object is gone: yes
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "core/fixed_object_pool.hpp"
#include "core/lazy_pool.hpp"
#include "core/shared_pool.hpp"

namespace {

struct Bullet {
  float x, speed;
};

// All in one object: static, a member, or on the stack. No allocation, ever.
bool bullets() {
  weir::FixedObjectPool<Bullet, 8> pool;
  std::vector<Bullet*> fired;
  fired.reserve(pool.capacity());
  for (int i = 0; i < 3; ++i) fired.push_back(pool.acquire(Bullet{0, 2}));
  std::printf("bullets: %zu of %zu in the air, %zu available; ", pool.in_use(), pool.capacity(),
              pool.available());
  while (Bullet* another = pool.acquire(Bullet{0, 1})) fired.push_back(another);
  std::printf("at %zu no more are fired\n", fired.size());
  bool good = true;
  for (Bullet* bullet : fired) good = pool.release(bullet) && good;
  return good && pool.available() == 8;
}

// The function is called when a buffer has to be made, and reads the settings then.
bool buffers() {
  std::size_t size = 512;
  int made = 0;
  weir::LazyPool pool(weir::page_allocator, [&] {
    ++made;
    return std::string(size, '\0');
  });
  size = 4096;
  bool good = made == 0;
  for (int request = 0; request < 50; ++request) {
    const auto in = pool.scoped();
    const auto out = pool.scoped();
    good = good && in->size() == 4096 && out->size() == 4096;
  }
  std::printf("buffers: %d made for 100 requests, as large as was set last\n", made);
  return good;
}

struct Parser {
  static inline std::atomic<int> made = 0;
  std::string state;
  Parser() noexcept { ++made; }
};
struct Clean {
  void operator()(Parser& parser) const noexcept { parser.state.clear(); }
};

// Objects that are dear to make are kept when they are released, and may change threads.
bool parsers() {
  weir::SharedPool<Parser, weir::PageAllocator, weir::Keep<Clean>> pool(weir::page_allocator, {.limit = 4});
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        Parser* parser = pool.acquire();
        if (parser == nullptr) continue;  // at the limit
        good += parser->state.empty() ? 1 : 0;
        parser->state = "half of a text that is too long for the string itself";
        pool.release(parser);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("parsers: at most %zu made for 4 threads, each used again and clean\n", pool.limit());

  Parser* last = pool.acquire();
  const weir::PoolHandle handle = pool.handle_of(last);
  const bool was_there = pool.get(handle) == last;
  std::thread([&] { pool.release(handle); }).join();
  std::printf("a handle knows that its object is gone: %s\n", pool.get(handle) == nullptr ? "yes" : "no");
  return good == 4000 && Parser::made <= 4 && was_there && !pool.release(last);
}

}  // namespace

int main() {
  return bullets() && buffers() && parsers() ? 0 : 1;
}
