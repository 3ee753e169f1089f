// Stack, then heap: what is small never leaves the function's frame, what is large still works.
//
// prints:
//   5 numbers: sum 10, heap calls 0
//   5000 numbers: sum 12497500, heap calls 1
#include <cstdio>
#include <numeric>
#include <span>

#include "core/page_allocator.hpp"
#include "core/stack_fallback.hpp"
#include "core/typed.hpp"
#include "core/wrap/counting.hpp"

static void sum_up(std::size_t count) {
  weir::Counting heap(weir::page_allocator);
  weir::StackFallback<256, decltype(heap)> memory(heap);
  const std::span<int> numbers = weir::allocate_array<int>(memory, count);
  if (numbers.empty()) {
    return;
  }
  std::iota(numbers.begin(), numbers.end(), 0);
  const int sum = std::accumulate(numbers.begin(), numbers.end(), 0);
  std::printf("%zu numbers: sum %d, heap calls %zu\n", count, sum, heap.counts().allocations);
  weir::deallocate_array(memory, numbers);
}

int main() {
  sum_up(5);
  sum_up(5000);
}
