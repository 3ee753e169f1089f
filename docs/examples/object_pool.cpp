// Objects that come and go all the time: a game's particles, which are born and die every frame.
//
// Shown: acquire and release, a limit, handles that notice that their object is gone, a second release that
// is refused, kept objects with a reset, and a pool for each thread.
//
// prints:
//   particles: 200 alive, at most 300 at once
//   buffers: one for a thousand requests, what it has allocated is kept
//   threads: 40000 objects without a lock
#include <cstdio>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "core/pool.hpp"

namespace {

struct Particle {
  float x = 0;
  float speed;
  int frames_left;

  Particle(float s, int frames) noexcept : speed(s), frames_left(frames) {}
  bool step() noexcept {
    x += speed;
    return --frames_left > 0;
  }
};

// Ten frames, each with a hundred births: what died in one frame is where the next one's are born.
bool particles() {
  weir::Pool<Particle> pool(weir::page_allocator, {.limit = 500});
  pool.warm_up(500);  // no frame waits for memory

  const Particle* tracked = nullptr;
  weir::PoolHandle camera;  // follows the first particle
  std::vector<Particle*> alive;
  for (int frame = 0; frame < 10; ++frame) {
    for (int i = 0; i < 100; ++i) {
      if (Particle* born = pool.acquire(0.5F, 3)) alive.push_back(born);
    }
    if (frame == 0) {
      tracked = alive.front();
      camera = pool.handle_of(tracked);
    }
    std::erase_if(alive, [&](Particle* particle) { return !particle->step() && pool.release(particle); });
  }
  std::printf("particles: %zu alive, at most %zu at once\n", pool.in_use(), pool.high_water_mark());

  // Another particle lives in the place of the first: the pointer can't tell, the handle can.
  const bool place_is_used_again = pool.owns(tracked);
  const bool camera_knows = pool.get(camera) == nullptr;

  Particle* last = alive.back();
  const bool refused = pool.release(last) && !pool.release(last);
  return place_is_used_again && camera_knows && refused && pool.high_water_mark() == 300;
}

// Buffers that are dear to make are kept with what they have allocated, and only emptied between two uses.
bool kept_buffers() {
  struct Clear {
    void operator()(std::string& text) const noexcept { text.clear(); }
  };
  weir::Pool<std::string, weir::PageAllocator, weir::Keep<Clear>> buffers(weir::page_allocator);
  std::size_t capacity = 0;
  for (int request = 0; request < 1000; ++request) {
    auto buffer = buffers.scoped();  // released at the end of the request, emptied then
    if (!buffer || !buffer->empty()) return false;
    buffer->append(10000, 'x');
    capacity = buffer->capacity();
  }
  auto buffer = buffers.scoped();
  std::puts("buffers: one for a thousand requests, what it has allocated is kept");
  return buffers.high_water_mark() == 1 && buffer->capacity() == capacity;
}

// A pool for each thread needs no lock. What it gives must be released by the thread that acquired it.
bool pool_for_each_thread() {
  std::vector<int> done(4);
  std::vector<std::thread> threads;
  threads.reserve(done.size());
  for (int& each : done) {
    threads.emplace_back([&each] {
      thread_local weir::Pool<Particle> pool(weir::page_allocator);
      for (int i = 0; i < 10000; ++i) {
        auto particle = pool.scoped(1.0F, 1);
        each += particle && !particle->step() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::printf("threads: %d objects without a lock\n", std::accumulate(done.begin(), done.end(), 0));
  return done == std::vector<int>(4, 10000);
}

}  // namespace

int main() {
  return particles() && kept_buffers() && pool_for_each_thread() ? 0 : 1;
}
