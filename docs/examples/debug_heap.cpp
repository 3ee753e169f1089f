// The allocator for development: an overrun, a double free, a write after free and a leak, each found and
// told.
//
// prints:
//   written behind a block, offset 16
//   double free, offset 0
//   leak, offset 0
//   written after free, offset 3
//   leaks: 1
#include <cstdio>

#include "core/debug_allocator.hpp"

static void tell(void*, const weir::DebugReport& report) noexcept {
  // report.allocated, report.freed and report.here are whole stacks, where a capture function was given.
  std::printf("%s, offset %td\n", weir::name_of(report.misuse.kind), report.misuse.offset);
}

int main() {
  weir::DebugAllocator heap(weir::DebugOptions{.handler = {tell}});
  const weir::Layout layout{16, 16};

  auto* overrun = static_cast<char*>(heap.allocate(layout));
  overrun[16] = 'x';
  heap.deallocate(overrun, layout);

  void* twice = heap.allocate(layout);
  heap.deallocate(twice, layout);
  heap.deallocate(twice, layout);

  auto* used_late = static_cast<char*>(heap.allocate(layout));
  heap.deallocate(used_late, layout);
  used_late[3] = 'x';

  heap.allocate(layout);
  std::printf("leaks: %zu\n", heap.finish());
}
