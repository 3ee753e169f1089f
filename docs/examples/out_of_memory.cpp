// Every way out of memory, tried: count the requests of a good run, then fail each of them once.
//
// prints:
//   a good run makes 3 requests
//   request 1 fails: refused, 0 blocks left behind
//   request 2 fails: refused, 0 blocks left behind
//   request 3 fails: refused, 0 blocks left behind
#include <cstdio>

#include "core/page_allocator.hpp"
#include "core/typed.hpp"
#include "core/wrap/counting.hpp"
#include "core/wrap/failing.hpp"

struct Matrix {
  std::span<double> cells, row_sums;
};

template <weir::Allocator A>
static void drop(A& allocator, Matrix* matrix) {
  weir::deallocate_array(allocator, matrix->row_sums);
  weir::deallocate_array(allocator, matrix->cells);
  weir::destroy(allocator, matrix);
}

template <weir::Allocator A>
static Matrix* make_matrix(A& allocator, std::size_t size) {
  auto* matrix = weir::create<Matrix>(allocator);
  if (matrix == nullptr) {
    return nullptr;
  }
  matrix->cells = weir::allocate_array<double>(allocator, size * size);
  matrix->row_sums = weir::allocate_array<double>(allocator, size);
  if (matrix->cells.empty() || matrix->row_sums.empty()) {
    drop(allocator, matrix);  // without this line, blocks are left behind
    return nullptr;
  }
  return matrix;
}

int main() {
  weir::Counting pages(weir::page_allocator);
  weir::Failing failing(pages, {});
  drop(failing, make_matrix(failing, 10));
  const std::size_t requests = failing.requests();
  std::printf("a good run makes %zu requests\n", requests);
  for (std::size_t n = 0; n != requests; ++n) {
    failing.restart({.after = n, .times = 1});
    const bool made = make_matrix(failing, 10) != nullptr;
    std::printf("request %zu fails: %s, %zu blocks left behind\n", n + 1, made ? "made" : "refused",
                pages.counts().live_blocks());
  }
}
