#include "shim/base/copy_block.hpp"

#include <fcntl.h>

#include <cstdint>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"

namespace weir {
namespace {

// The kernel's list of this process's pages, a part at a time.
class TouchedPages {
 public:
  TouchedPages() noexcept : fd_(sys::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
  ~TouchedPages() {
    if (fd_ >= 0) sys::close(fd_);
  }
  TouchedPages(const TouchedPages&) = delete;
  TouchedPages& operator=(const TouchedPages&) = delete;

  // Calls visit(start, end, touched) for the runs of pages in [start, end), cut at both; false when the kernel does not
  // tell about the rest, from `start` on.
  template <typename F>
  bool for_runs(std::uint64_t& start, std::uint64_t end, F&& visit) noexcept {
    while (start < end) {
      const std::uint64_t first = start / kPageSize;
      const std::uint64_t pages = (end - 1) / kPageSize + 1 - first;
      const std::uint64_t wanted = pages < kEntries ? pages : kEntries;
      const long got =
          fd_ >= 0 ? sys::pread(fd_, entries_, wanted * sizeof entries_[0], first * sizeof entries_[0]) : -1;
      const std::uint64_t count = got > 0 ? static_cast<std::uint64_t>(got) / sizeof entries_[0] : 0;
      if (count == 0) return false;
      for (std::uint64_t i = 0; i < count;) {
        const bool touched = is_touched(entries_[i]);
        while (++i < count && is_touched(entries_[i]) == touched) {
        }
        const std::uint64_t behind = (first + i) * kPageSize;
        visit(start, behind < end ? behind : end, touched);
        start = behind < end ? behind : end;
      }
    }
    return true;
  }

 private:
  static bool is_touched(std::uint64_t entry) noexcept {
    constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
    constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
    return (entry & (kPresent | kSwapped)) != 0;
  }

  static constexpr std::uint64_t kEntries = 128;
  int fd_;
  std::uint64_t entries_[kEntries]{};
};

char* bytes_at(std::uint64_t address) noexcept {
  return reinterpret_cast<char*>(address);
}

// Untouched pages are zeros.
void clear(TouchedPages& pages, std::uint64_t start, std::uint64_t end) noexcept {
  const auto clear_touched = [](std::uint64_t from, std::uint64_t to, bool touched) {
    if (touched) std::memset(bytes_at(from), 0, to - from);
  };
  if (!pages.for_runs(start, end, clear_touched)) std::memset(bytes_at(start), 0, end - start);
}

}  // namespace

void copy_touched(void* to, const void* from, std::size_t bytes) noexcept {
  auto at = reinterpret_cast<std::uint64_t>(from);
  const std::uint64_t end = at + bytes;
  const std::uint64_t distance = reinterpret_cast<std::uint64_t>(to) - at;
  TouchedPages source;
  TouchedPages target;
  const auto copy = [&](std::uint64_t start, std::uint64_t behind, bool touched) {
    if (touched) {
      std::memcpy(bytes_at(start + distance), bytes_at(start), behind - start);
    } else {
      clear(target, start + distance, behind + distance);
    }
  };
  if (!source.for_runs(at, end, copy)) std::memcpy(bytes_at(at + distance), bytes_at(at), end - at);
}

}  // namespace weir
