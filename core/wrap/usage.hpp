// How much of an allocator is in use: the numbers that Counting, Tracking and Profiling share.
//
// Bytes are those that were asked for. What a block grows by counts to the total, so total - live is what
// went back.
#pragma once

#include <cstddef>

namespace weir {

struct Usage {
  std::size_t allocations = 0;
  std::size_t frees = 0;
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;
  std::size_t total_bytes = 0;

  constexpr std::size_t live_blocks() const noexcept { return allocations - frees; }

  constexpr void allocated(std::size_t bytes) noexcept {
    ++allocations;
    grown(bytes);
  }
  constexpr void freed(std::size_t bytes) noexcept {
    ++frees;
    live_bytes -= bytes;
  }
  constexpr void resized(std::size_t from, std::size_t to) noexcept {
    if (to >= from) {
      grown(to - from);
    } else {
      live_bytes -= from - to;
    }
  }

 private:
  constexpr void grown(std::size_t bytes) noexcept {
    live_bytes += bytes;
    total_bytes += bytes;
    if (live_bytes > peak_bytes) {
      peak_bytes = live_bytes;
    }
  }
};

}  // namespace weir
