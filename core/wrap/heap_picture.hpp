// The live blocks of a Tracking as text: a row of characters for a piece of the address range.
//
//   0x7f3a10000000 ##+.....####
//
// '#' a cell all taken, '+' partly, '.' free; a row without blocks is left out, and "..." stands for a gap.
// Each row looks at every block; no memory. For people, on heaps that a screen can hold.
#pragma once

#include "tracking.hpp"

namespace weir {

struct PictureScale {
  std::size_t bytes_per_cell = 64;
  std::size_t cells_per_row = 64;  // at most 400
};

template <Allocator A, Allocator R>
void draw_heap(const Tracking<A, R>& tracking, const TextSink& out, PictureScale scale = {}) noexcept {
  constexpr std::size_t kMostCells = 400;
  const std::size_t cells = scale.cells_per_row < kMostCells ? scale.cells_per_row : kMostCells;
  const std::size_t row_bytes = cells * scale.bytes_per_cell;
  for (std::uintptr_t row = 0, expected = 0;; row += row_bytes, expected = row) {
    std::uintptr_t first = UINTPTR_MAX;  // byte at or behind `row` that is taken
    tracking.for_each_in_no_order([&](const LiveBlock& block) noexcept {
      if (block.layout.bytes != 0 && block.key + block.layout.bytes > row) {
        const std::uintptr_t from = block.key > row ? block.key : row;
        first = from < first ? from : first;
      }
    });
    if (first == UINTPTR_MAX) {
      return;
    }
    row = first - first % row_bytes;
    if (expected != 0 && row != expected) {
      out("...");
    }
    std::size_t taken[kMostCells] = {};
    tracking.for_each_in_no_order([&](const LiveBlock& block) noexcept {
      const std::uintptr_t end = block.key + block.layout.bytes;
      std::uintptr_t at = block.key > row ? block.key : row;
      while (at < end && at - row < row_bytes) {
        const std::size_t cell = (at - row) / scale.bytes_per_cell;
        const std::uintptr_t cell_end = row + (cell + 1) * scale.bytes_per_cell;
        const std::uintptr_t until = end < cell_end ? end : cell_end;
        taken[cell] += until - at;
        at = until;
      }
    });
    Line line;
    line.address(reinterpret_cast<const void*>(row)).text(" ");
    for (std::size_t cell = 0; cell != cells; ++cell) {
      line.text(taken[cell] == 0 ? "." : taken[cell] < scale.bytes_per_cell ? "+" : "#");
    }
    out(line.view());
  }
}

}  // namespace weir
