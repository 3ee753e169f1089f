// A text that grows in place: the last block of a buffer is resized where it lies, nothing is copied.
//
// prints:
//   1, 4, 9, 16, 25, 36, 49, 64, 81, 100
//   grown in place: 9 of 9 times
//   bytes used: 37
#include <cstdio>
#include <cstring>

#include "core/fixed_buffer.hpp"

int main() {
  weir::FixedBufferOf<1024> buffer;
  weir::Layout layout{1, 1};
  char* text = static_cast<char*>(buffer.allocate(layout));
  int grown = 0;
  for (int i = 1; i <= 10; ++i) {
    char piece[16];
    const int length = std::snprintf(piece, sizeof piece, i == 1 ? "%d" : ", %d", i * i);
    const std::size_t bytes = layout.bytes + static_cast<std::size_t>(length);
    if (!buffer.resize(text, layout, bytes)) {
      return 1;
    }
    std::memcpy(text + layout.bytes - 1, piece, static_cast<std::size_t>(length) + 1);
    layout.bytes = bytes;
    grown += i > 1;
  }
  std::puts(text);
  std::printf("grown in place: %d of 9 times\n", grown);
  std::printf("bytes used: %zu\n", buffer.end_index());
}
