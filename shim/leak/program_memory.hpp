// The program's memory as the leak check reads it: whatever can be read, without a fault.
//
// Most of it is private anonymous memory with the right to read, and is read where it lies. The rest goes
// through the kernel, into a buffer: shared memory and files, which another process may cut short, memory of
// devices, pages that the program has taken its own access from (what it keeps there it may want back), and
// in a check on demand, which runs in a fork's child, what a fork does not copy (MADV_DONTFORK,
// MADV_WIPEONFORK): there the parent's descriptors lead.
#pragma once

#include <cstdint>

#include "shim/leak/memory_map.hpp"

namespace weir {

// Descriptors of a process that forks a child to check for it; -1 where one could not be had. They stay the
// parent's memory whatever the child does.
struct ParentMemory {
  int pagemap = -1;
  int memory = -1;
  int mappings = -1;

  static ParentMemory open() noexcept;
  void close() const noexcept;
};

class ProgramMemory {
 public:
  // Reads the mappings. `parent` for a fork's child. Where not all threads stand still mappings may go while
  // they are read: then nothing but the heap is read where it lies, and mappings are not probed for.
  ProgramMemory(const ParentMemory* parent, bool stands_still) noexcept;
  // Of a map that the caller keeps; for tests.
  explicit ProgramMemory(const MemoryMap& map) noexcept;
  ~ProgramMemory();
  ProgramMemory(const ProgramMemory&) = delete;
  ProgramMemory& operator=(const ProgramMemory&) = delete;

  const MemoryMap& map() const noexcept { return map_; }
  PageMap& pages() noexcept { return pages_; }

  // Whether [start, end) can be read where it lies, page for page. One compare in a program that plays no
  // tricks with its heap's pages.
  bool is_plain(std::uint64_t start, std::uint64_t end) const noexcept {
    return start >= odd_end_ || end <= odd_start_ || !overlaps_odd(start, end);
  }

  // Calls visit(first, last) with the touched words of a root that lie in [start, end), a part of `m`; the
  // words are where they are or in a buffer that the next call overwrites. Not from within a visit.
  template <typename F>
  void for_words(const Mapping& m, std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    const Way way = way_to(m);
    if (way == Way::kNone) return;
    PageMap& pages = m.shared ? shared_pages_ : pages_;
    if (way == Way::kDirect) {
      pages.for_pages(which(m), start, end,
                      [&](std::uint64_t from, std::uint64_t to) { in_words(from, to, visit); });
    } else {
      pages.for_pages(which(m), start, end, [&](std::uint64_t from, std::uint64_t to) {
        through_kernel(way == Way::kForced ? memory_ : kByProcess, from, to, visit);
      });
    }
    if (parent_pages_ != nullptr && !m.shared) parents_words(m, start, end, visit);
  }

  // The same for a plain part of the heap, of some pages.
  template <typename F>
  void for_plain_words(std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    constexpr std::uint64_t kPage = 4096;
    std::uint64_t run = start;  // what has been found touched begins there
    for (std::uint64_t at = start; at < end;) {
      const std::uint64_t next = (at & ~(kPage - 1)) + kPage;
      if (!is_touched(at)) {
        if (run < at) in_words(run, at, visit);
        run = next;
      }
      at = next;
    }
    if (run < end) in_words(run, end, visit);
  }

  // The same for a part of the heap that is not plain, or large.
  template <typename F>
  void for_words_of_heap(std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    for (std::uint32_t i = map_.first_above(start); i < map_.count && map_.mappings[i].start < end; ++i) {
      const Mapping& m = map_.mappings[i];
      for_words(m, m.start > start ? m.start : start, m.end < end ? m.end : end, visit);
    }
    for (std::uint32_t i = missing_.first_above(start);
         i < missing_.count && missing_.mappings[i].start < end; ++i) {
      const Mapping& m = missing_.mappings[i];
      words_of_missing(m, m.start > start ? m.start : start, m.end < end ? m.end : end, visit);
    }
  }

  // The parent's mappings that the fork's child has not got.
  const MemoryMap& missing() const noexcept { return missing_; }
  template <typename F>
  void words_of_missing(const Mapping& m, std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    if (parent_pages_ == nullptr || m.device) return;
    parent_pages_->for_pages(PageMap::Which::kTouched, start, end, [&](std::uint64_t from, std::uint64_t to) {
      through_kernel(parent_memory_, from, to, visit);
    });
  }

 private:
  static constexpr int kByProcess = -2;  // process_vm_readv of this process, which obeys the pages' rights
  enum class Way { kNone, kDirect, kByKernel, kForced };

  // Which pages of a part of the heap were touched; some parts are kept, because blocks that lie beside each other are
  // looked into one behind the other.
  static constexpr std::uint64_t kWindowBytes = std::uint64_t{2} << 20;
  static constexpr std::uint64_t kWindowWords = kWindowBytes / 4096 / 64;
  static constexpr std::uint64_t kWindows = 256;
  struct Window {
    std::uint64_t start;
    std::uint64_t touched[kWindowWords];
  };
  const Window* window_at(std::uint64_t address) noexcept;
  bool is_touched(std::uint64_t address) noexcept {
    const Window* const w = window_at(address);
    const std::uint64_t page = address / 4096;
    return w == nullptr || (w->touched[page / 64 % kWindowWords] >> page % 64 & 1) != 0;
  }

  Way way_to(const Mapping& m) const noexcept;
  PageMap::Which which(const Mapping& m) const noexcept;
  bool overlaps_odd(std::uint64_t start, std::uint64_t end) const noexcept;
  void find_odd() noexcept;
  void note_odd(const Mapping& m) noexcept;
  void sort_odd() noexcept;
  void find_missing(int mappings) noexcept;
  void find_wiped() noexcept;

  // Reads [from, to), at most the buffer's size of it; how much was read, or 0 where nothing can be.
  std::uint64_t read(int way, std::uint64_t from, std::uint64_t to) noexcept;

  template <typename F>
  static void in_words(std::uint64_t from, std::uint64_t to, F&& visit) noexcept {
    visit(reinterpret_cast<const std::uint64_t*>((from + 7) & ~std::uint64_t{7}),
          reinterpret_cast<const std::uint64_t*>(to & ~std::uint64_t{7}));
  }

  template <typename F>
  void through_kernel(int way, std::uint64_t from, std::uint64_t to, F&& visit) noexcept {
    constexpr std::uint64_t kPage = 4096;
    for (from = (from + 7) & ~std::uint64_t{7}; from < to;) {
      const std::uint64_t got = read(way, from, to);
      if (got >= 8) visit(buffer_, buffer_ + got / 8);
      // The last word once more: a pointer that lies anywhere may go on in the next part.
      const bool last = from + got >= to;
      from = got > 8 && !last ? from + got - 8 : got != 0 ? from + got : (from & ~(kPage - 1)) + kPage;
    }
  }

  // What the parent has touched and this process has not got: what is wiped in a fork.
  template <typename F>
  void parents_words(const Mapping& m, std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    parent_pages_->for_pages(which(m), start, end, [&](std::uint64_t from, std::uint64_t to) {
      // Page by page: what is there already was read above.
      pages_without(from, to, [&](std::uint64_t at, std::uint64_t behind) {
        through_kernel(parent_memory_, at, behind, visit);
      });
    });
  }
  template <typename F>
  void pages_without(std::uint64_t start, std::uint64_t end, F&& visit) noexcept {
    std::uint64_t at = start;
    pages_.for_touched_pages(start, end, [&](std::uint64_t from, std::uint64_t to) {
      if (from > at) visit(at, from);
      at = to;
    });
    if (at < end) visit(at, end);
  }

  static constexpr std::uint64_t kBuffer = std::uint64_t{64} << 10;
  MemoryMap map_;
  PageMap pages_;
  PageMap shared_pages_;
  int memory_ = -1;  // /proc/self/mem: also what has no access
  std::uint64_t* buffer_;
  Window* windows_;
  bool may_vanish_ = false;  // what is mapped now
  // What is not plain of the heap.
  MemoryMap odd_{};
  std::uint64_t odd_start_ = 0, odd_end_ = 0;
  // Of the parent.
  PageMap* parent_pages_ = nullptr;
  int parent_memory_ = -1;
  MemoryMap missing_{};
};

}  // namespace weir
