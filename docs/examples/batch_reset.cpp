// Batches through one arena: reset keeps the memory, so that only the first batch asks the system for any.
//
// prints:
//   batch 1: sum 499500, chunks taken so far: 3
//   batch 2: sum 1499500, chunks taken so far: 4
//   batch 3: sum 2499500, chunks taken so far: 4
//   batch 4: sum 3499500, chunks taken so far: 4
//   after free all: 0 bytes
#include <cstdio>
#include <span>

#include "core/arena.hpp"
#include "core/typed.hpp"
#include "core/wrap/counting.hpp"

int main() {
  weir::Counting pages(weir::page_allocator);
  weir::Arena arena(pages, 4096);
  for (int batch = 1; batch <= 4; ++batch) {
    long sum = 0;
    for (int item = 0; item != 1000; ++item) {
      const std::span<long> work = weir::allocate_array<long>(arena, 2);
      if (work.empty()) {
        return 1;
      }
      work[0] = item;
      work[1] = 1000L * (batch - 1);
      sum += work[0] + work[1];
    }
    std::printf("batch %d: sum %ld, chunks taken so far: %zu\n", batch, sum, pages.counts().allocations);
    arena.reset(weir::kRetainCapacity);  // or retain_with_limit(bytes), where one batch may be huge
  }
  arena.reset(weir::kFreeAll);
  std::printf("after free all: %zu bytes\n", pages.counts().live_bytes);
}
