// Who is still there: Tracking lists the live blocks, and draws where they lie.
//
// prints:
//   live: 3 blocks, 448 bytes, peak 1408
//   leak: #1 of 128 bytes
//   leak: #3 of 256 bytes
//   leak: #4 of 64 bytes
//   ##................#####.........
#include <cstdio>

#include "core/fixed_buffer.hpp"
#include "core/wrap/heap_picture.hpp"
#include "core/wrap/tracking.hpp"

int main() {
  alignas(2048) static std::byte memory[4096];
  weir::FixedBuffer buffer{std::span(memory)};
  weir::Tracking tracking(buffer);
  tracking.allocate({128, 64});
  void* given_back = tracking.allocate({1024, 64});
  tracking.allocate({256, 64});
  tracking.deallocate(given_back, {1024, 64});
  tracking.allocate({64, 64});

  const weir::Usage& usage = tracking.usage();
  std::printf("live: %zu blocks, %zu bytes, peak %zu\n", usage.live_blocks(), usage.live_bytes,
              usage.peak_bytes);
  tracking.for_each_live([](const weir::LiveBlock& block) {
    std::printf("leak: #%zu of %zu bytes\n", static_cast<std::size_t>(block.number), block.layout.bytes);
  });

  const weir::TextSink without_address{[](void*, std::string_view line) noexcept {
    line.remove_prefix(line.find(' ') + 1);
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
  }};
  weir::draw_heap(tracking, without_address, {.bytes_per_cell = 64, .cells_per_row = 32});
}
