// Memory by subsystem: a scope tags what is allocated in it, also deep below; a block counts to its tag until
// it is freed, wherever that happens.
//
// prints:
//   live blocks   live bytes   peak bytes  total bytes  tag
//             1          300         1000         1300  parser
//             1         5000         5000         5000  cache
//             0            0            0            0  other
#include <cstdio>

#include "core/arena.hpp"
#include "core/page_allocator.hpp"
#include "core/wrap/tagging.hpp"

static constinit weir::Tag parser{"parser"};
static constinit weir::Tag cache{"cache"};
static constinit weir::Tag other{"other"};

int main() {
  weir::Tagging heap(weir::page_allocator, other);
  void* tree = nullptr;
  {
    const weir::TagScope in_parser(parser);
    tree = heap.allocate({1000, 16});
    {
      const weir::TagScope in_cache(cache);
      heap.allocate({5000, 16});
    }
  }
  heap.deallocate(tree, {1000, 16});  // outside of all scopes, and still the parser's
  {
    const weir::TagScope in_parser(parser);
    heap.allocate({300, 16});
  }
  weir::print_tags({&parser, &cache, &other}, {[](void*, std::string_view line) noexcept {
                     std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
                   }});
}
