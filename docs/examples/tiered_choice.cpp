// Which allocator, by size and by setting: small requests to pools, large ones to pages; or, chosen when the
// program runs, everything to an arena.
//
// prints:
//   pools and pages: 1000 small blocks, 1 large; pages asked: few times
//   arena: 1000 small blocks, 1 large; pages asked: few times
#include <cstdio>
#include <string_view>

#include "core/any_allocator.hpp"
#include "core/arena.hpp"
#include "core/page_allocator.hpp"
#include "core/size_segregated.hpp"
#include "core/tiered_pool.hpp"
#include "core/wrap/counting.hpp"

using Pages = weir::Counting<weir::PageAllocator>;

// Code that does not know what it runs on: a handle of two words.
static void work(const char* name, weir::AnyAllocator allocator, const Pages& pages) {
  int small = 0;
  for (int i = 0; i != 1000; ++i) {
    small += allocator.allocate({48, 16}) != nullptr;
  }
  const int large = allocator.allocate({100'000, 16}) != nullptr;
  std::printf("%s: %d small blocks, %d large; pages asked: %s\n", name, small, large,
              pages.counts().allocations < 20 ? "few times" : "often");
}

int main() {
  Pages pages(weir::page_allocator);
  weir::TieredPool pools(pages);
  weir::SizeSegregated<4096, decltype(pools), Pages> by_size(pools, pages);
  Pages pages_of_arena(weir::page_allocator);
  weir::Arena arena(pages_of_arena);

  for (const std::string_view setting : {"pools", "arena"}) {
    if (setting == "pools") {
      work("pools and pages", by_size, pages);
    } else {
      work("arena", arena, pages_of_arena);
    }
  }
}
