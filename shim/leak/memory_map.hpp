// The process's mappings and which of their pages were ever touched.
//
// Read from /proc/thread-self/maps and /proc/thread-self/pagemap by plain system calls; no allocation but
// from the table zone. (thread-self: when the main thread has ended, /proc/self has no mappings any more.) A
// page that is neither in memory nor swapped out holds nothing that the program wrote, so it is not read: a
// check does not make memory resident that was not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

struct Mapping {
  std::uint64_t start, end;
  bool readable, writable;
  bool device;  // memory of a device: reading it may have effects
};

struct MemoryMap {
  Mapping* mappings;  // ascending
  std::uint32_t count;
};

MemoryMap read_memory_map() noexcept;
void release_memory_map(const MemoryMap& map) noexcept;

// Which pages were touched.
class PageMap {
 public:
  PageMap() noexcept;
  ~PageMap();
  PageMap(const PageMap&) = delete;
  PageMap& operator=(const PageMap&) = delete;

  // Calls visit(start, end) for each run of touched pages within [start, end), which is mapped and readable.
  template <typename F>
  void for_touched_pages(std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    constexpr std::uint64_t kPage = 4096;
    std::uint64_t run = 0;
    std::uint64_t at = start & ~(kPage - 1);
    while (at < end) {
      const std::uint64_t pages = fill(at, (end - at + kPage - 1) / kPage);
      for (std::uint64_t i = 0; i < pages; ++i, at += kPage) {
        const bool touched = (entries_[i] >> 62) != 0;  // bit 63: present, bit 62: swapped out
        if (touched && run == 0) run = at;
        if (!touched && run != 0) {
          visit(run > start ? run : start, at);
          run = 0;
        }
      }
    }
    if (run != 0) visit(run > start ? run : start, end);
  }

 private:
  // Reads the entries of up to `pages` pages from `address` on; how many were read (at least one).
  std::uint64_t fill(std::uint64_t address, std::uint64_t pages) noexcept;

  static constexpr std::uint64_t kBatch = 4096;
  int fd_;
  std::uint64_t* entries_;
};

}  // namespace weir
