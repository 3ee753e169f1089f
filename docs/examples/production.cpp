// For production: a budget, a histogram of sizes, and one allocation in so many bytes told to a sink; one
// lock around all.
//
// prints:
//             size  allocations         bytes   live blocks    live bytes  mean lifetime
//            16-31         2000         48000             0             0
//         512-1023         1000        600000             0             0
//   samples: about one in 16384 bytes
//   over the budget: refused
//   remaining: 1000000
#include <cstdio>

#include "core/page_allocator.hpp"
#include "core/tiered_pool.hpp"
#include "core/wrap/limiting.hpp"
#include "core/wrap/locked.hpp"
#include "core/wrap/profiling.hpp"
#include "core/wrap/sampling.hpp"

int main() {
  weir::TieredPool pool(weir::page_allocator);
  weir::Limiting limited(pool, {.live_bytes = 1'000'000});
  weir::Profiling profiled(limited);
  std::size_t samples = 0;
  weir::Sampling sampled(
      profiled, 16384,
      {[](void* count, const weir::Operation&) noexcept {  // a program would keep a stack here
         ++*static_cast<std::size_t*>(count);
       },
       &samples});
  weir::Locked heap(sampled);  // what the threads use

  for (int i = 0; i != 1000; ++i) {
    void* blocks[] = {heap.allocate({24, 8}), heap.allocate({24, 8}), heap.allocate({600, 8})};
    heap.deallocate(blocks[0], {24, 8});
    heap.deallocate(blocks[1], {24, 8});
    heap.deallocate(blocks[2], {600, 8});
  }
  heap.with_lock([](auto&) {});  // what is read of the layers is read under the lock, where other threads run
  profiled.print({[](void*, std::string_view line) noexcept {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  }});
  std::printf("samples: %s\n", samples > 20 && samples < 70 ? "about one in 16384 bytes" : "something else");
  std::printf("over the budget: %s\n", heap.allocate({1'000'001, 8}) == nullptr ? "refused" : "granted");
  std::printf("remaining: %zu\n", limited.remaining());
}
