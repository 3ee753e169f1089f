// The process's mappings and which of their pages were ever touched.
//
// Read from /proc/self/maps by plain system calls; no allocation but from the table zone. (/proc/thread-self when the
// main thread has ended: /proc/self has no mappings any more.) A page that is neither in memory nor
// swapped out holds nothing that the program wrote, so it is not read: a check does not make memory resident
// that was not, and its time grows with the touched pages, not with the mapped ones. Which pages those are,
// the kernel says in one of three ways, the best that there is: as ranges (PAGEMAP_SCAN, Linux 6.7), page by
// page (/proc/self/pagemap), or by mincore, where the process may not read its own pagemap because it
// has changed its user.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

struct Mapping {
  std::uint64_t start, end;
  bool readable, writable;
  bool device;  // of a device: reading it may have effects, or the kernel's own pages ([vvar])
  bool shared = false;
  bool file = false;     // has a file behind it; also a memfd or SysV memory
  bool written = false;  // shared, and made to be written: anonymous, memfd, /dev/shm, SysV
};

struct MemoryMap {
  Mapping* mappings;  // ascending
  std::uint32_t count;
  std::uint32_t room = 0;

  // The first mapping that ends above the address; `count` when there is none. O(log count).
  std::uint32_t first_above(std::uint64_t address) const noexcept {
    std::uint32_t first = 0;
    std::uint32_t behind = count;
    while (first < behind) {
      const std::uint32_t middle = first + (behind - first) / 2;
      if (mappings[middle].end <= address) {
        first = middle + 1;
      } else {
        behind = middle;
      }
    }
    return first;
  }
};

// A file about this process in /proc; -1 where it cannot be opened.
int open_own(std::string_view name) noexcept;

// Empty where the system does not tell and it cannot be found out. By probing it can where nothing maps or unmaps
// meanwhile: `may_probe`.
MemoryMap read_memory_map(bool may_probe = false) noexcept;
MemoryMap read_memory_map(int fd) noexcept;  // from the start of a descriptor, which stays the caller's
void release_memory_map(const MemoryMap& map) noexcept;

// Which pages were touched.
class PageMap {
 public:
  enum class Which {
    kTouched,  // in memory or swapped out
    kCopies,   // and this process's own: anonymous, or a page of a private file mapping that was written to
  };

  PageMap() noexcept;
  // With a descriptor of some process's pagemap, which stays the caller's.
  explicit PageMap(int fd) noexcept;
  // Of pages that are in memory whoever touched them: for shared mappings, whose page tables a fork does not
  // copy and the kernel drops at will.
  static constexpr int kShared = -2;
  ~PageMap();
  PageMap(const PageMap&) = delete;
  PageMap& operator=(const PageMap&) = delete;

  // Whether copies can be told from pages that only show a file.
  bool knows_copies() const noexcept { return way_ != Way::kResident; }

  // Calls visit(start, end) for each run of such pages within [start, end), which is mapped. Not from within
  // a visit.
  template <typename F>
  void for_pages(Which which, std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    constexpr std::uint64_t kPage = 4096;
    std::uint64_t at = start & ~(kPage - 1);
    std::uint64_t run = 0, run_end = 0;
    while (at < end) {
      at = fill(which, at, (end + kPage - 1) & ~(kPage - 1));
      for (unsigned i = 0; i < run_count_; ++i) {
        if (runs_[i].start == run_end && run_end != 0) {
          run_end = runs_[i].end;
          continue;
        }
        if (run_end != 0) visit(run > start ? run : start, run_end < end ? run_end : end);
        run = runs_[i].start;
        run_end = runs_[i].end;
      }
    }
    if (run_end != 0) visit(run > start ? run : start, run_end < end ? run_end : end);
  }

  template <typename F>
  void for_touched_pages(std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    for_pages(Which::kTouched, start, end, visit);
  }

 private:
  enum class Way { kScan, kEntries, kResident, kAll };
  struct Run {  // as the kernel's page_region
    std::uint64_t start, end, categories;
  };

  // Fills runs_ with the next runs of [at, end); returns how far it looked, beyond `at`.
  std::uint64_t fill(Which which, std::uint64_t at, std::uint64_t end) noexcept;
  std::uint64_t fill_by_scan(Which which, std::uint64_t at, std::uint64_t end) noexcept;
  std::uint64_t fill_by_entries(Which which, std::uint64_t at, std::uint64_t end) noexcept;
  std::uint64_t fill_by_residence(std::uint64_t at, std::uint64_t end) noexcept;
  void add_page(std::uint64_t at) noexcept;
  void choose_way() noexcept;

  static constexpr unsigned kMostRuns = 1024;
  int fd_;
  bool own_fd_;
  Way way_ = Way::kAll;
  unsigned run_count_ = 0;
  Run* runs_;
  void* batch_;  // what the kernel answers with, page by page
};

}  // namespace weir
