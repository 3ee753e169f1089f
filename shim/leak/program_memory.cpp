#include "shim/leak/program_memory.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "core/pages.hpp"
#include "shim/base/readable.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/page_zone.hpp"

namespace weir {
namespace {

// Where blocks lie, those on pages of their own too.
bool in_heap(const Mapping& m) noexcept {
  return heap_zone.holds(reinterpret_cast<const void*>(m.start)) || pages::holds(m.start);
}

void add(MemoryMap& to, const Mapping& m) noexcept {
  if (to.count < to.room) {
    to.mappings[to.count++] = m;
  } else if (to.count != 0) {  // one for all that have no room
    to.mappings[to.count - 1].end = m.end;
  }
}

bool make(MemoryMap& map) noexcept {
  constexpr std::uint32_t kRoom = 1u << 16;
  if (map.room != 0) return true;
  map.mappings = static_cast<Mapping*>(table_zone.map(kRoom * sizeof(Mapping)));
  if (map.mappings == nullptr) return false;
  map.room = kRoom;
  return true;
}

// Word for word, where the kernel's copying is not to be had: whether a page can be read is asked first.
std::uint64_t copy_page(void* to, std::uint64_t from, std::uint64_t bytes) noexcept {
  const std::uint64_t in_page = kPageSize - (from & (kPageSize - 1));
  if (bytes > in_page) bytes = in_page;
  if (!is_readable(from)) return 0;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return bytes;
}

}  // namespace

ParentMemory ParentMemory::open() noexcept {
  return {open_own("pagemap"), open_own("mem"), open_own("maps")};
}

void ParentMemory::close() const noexcept {
  for (const int fd : {pagemap, memory, mappings}) {
    if (fd >= 0) sys::close(fd);
  }
}

ProgramMemory::ProgramMemory(const MemoryMap& map) noexcept
    : map_(map),
      shared_pages_(PageMap::kShared),
      memory_(open_own("mem")),
      buffer_(static_cast<std::uint64_t*>(table_zone.map(kBuffer))),
      windows_(static_cast<Window*>(table_zone.map(kWindows * sizeof(Window)))) {
  find_odd();
  sort_odd();
}

ProgramMemory::ProgramMemory(const ParentMemory* parent, bool stands_still) noexcept
    : ProgramMemory(read_memory_map(stands_still)) {
  may_vanish_ = parent == nullptr && !stands_still;
  if (parent == nullptr || parent->pagemap < 0 || parent->memory < 0) return;
  void* const place = table_zone.map(sizeof(PageMap));
  if (place == nullptr) return;
  parent_pages_ = new (place) PageMap(parent->pagemap);
  parent_memory_ = parent->memory;
  find_wiped();
  if (parent->mappings >= 0) find_missing(parent->mappings);
  sort_odd();
}

ProgramMemory::~ProgramMemory() {
  if (memory_ >= 0) sys::close(memory_);
  if (parent_pages_ != nullptr) {
    parent_pages_->~PageMap();
    unmap_pages(parent_pages_, round_up(sizeof(PageMap), kPageSize));
  }
  release_memory_map(map_);
  release_memory_map(odd_);
  release_memory_map(missing_);
  if (buffer_ != nullptr) unmap_pages(buffer_, kBuffer);
  if (windows_ != nullptr) unmap_pages(windows_, kWindows * sizeof(Window));
}

ProgramMemory::Way ProgramMemory::way_to(const Mapping& m) const noexcept {
  if (m.device && !m.file) return Way::kNone;
  if (m.shared && !m.writable && !m.written) return Way::kNone;
  if (!m.readable) return memory_ >= 0 ? Way::kForced : Way::kNone;
  if (m.shared || m.device || (may_vanish_ && !in_heap(m))) return Way::kByKernel;
  if (!m.file || pages_.knows_copies()) return Way::kDirect;
  return m.writable ? Way::kByKernel : Way::kNone;
}

// A private mapping's pages that only show the file hold nothing that the program wrote.
PageMap::Which ProgramMemory::which(const Mapping& m) const noexcept {
  return m.file && !m.shared ? PageMap::Which::kCopies : PageMap::Which::kTouched;
}

void ProgramMemory::note_odd(const Mapping& m) noexcept {
  if (make(odd_)) add(odd_, m);
}

// Ascending, and none over another, as look-ups need them.
void ProgramMemory::sort_odd() noexcept {
  if (odd_.count == 0) return;
  std::sort(odd_.mappings, odd_.mappings + odd_.count,
            [](const Mapping& a, const Mapping& b) { return a.start < b.start; });
  std::uint32_t last = 0;
  for (std::uint32_t i = 1; i < odd_.count; ++i) {
    const Mapping& m = odd_.mappings[i];
    Mapping& before = odd_.mappings[last];
    if (m.start > before.end) {
      odd_.mappings[++last] = m;
    } else if (m.end > before.end) {
      before.end = m.end;
    }
  }
  odd_.count = last + 1;
  odd_start_ = odd_.mappings[0].start;
  odd_end_ = odd_.mappings[last].end;
}

void ProgramMemory::find_odd() noexcept {
  for (std::uint32_t i = 0; i < map_.count; ++i) {
    const Mapping& m = map_.mappings[i];
    if (in_heap(m) && (m.file || way_to(m) != Way::kDirect)) note_odd(m);
  }
}

bool ProgramMemory::overlaps_odd(std::uint64_t start, std::uint64_t end) const noexcept {
  const std::uint32_t i = odd_.first_above(start);
  return i < odd_.count && odd_.mappings[i].start < end;
}

// Pages of the heap that the parent has and this process has not: MADV_WIPEONFORK. (Or touched since: harmless.)
void ProgramMemory::find_wiped() noexcept {
  for (std::uint32_t i = 0; i < map_.count; ++i) {
    const Mapping& m = map_.mappings[i];
    if (!in_heap(m) || m.file) continue;
    const auto note = [&](std::uint64_t start, std::uint64_t end) {
      Mapping wiped = m;
      wiped.start = start;
      wiped.end = end;
      note_odd(wiped);
    };
    parent_pages_->for_pages(PageMap::Which::kTouched, m.start, m.end,
                             [&](std::uint64_t from, std::uint64_t to) { pages_without(from, to, note); });
  }
}

// MADV_DONTFORK. (Or mapped since.)
void ProgramMemory::find_missing(int mappings) noexcept {
  const MemoryMap parents = read_memory_map(mappings);
  for (std::uint32_t i = 0; i < parents.count; ++i) {
    Mapping m = parents.mappings[i];
    if (m.device || table_zone.holds(reinterpret_cast<const void*>(m.start))) continue;
    for (std::uint32_t own = map_.first_above(m.start); m.start < m.end; ++own) {
      const std::uint64_t next = own < map_.count ? map_.mappings[own].start : m.end;
      Mapping gap = m;
      if (next < gap.end) gap.end = next;
      if (gap.start < gap.end && make(missing_)) {
        add(missing_, gap);
        if (in_heap(gap)) note_odd(gap);
      }
      if (own >= map_.count) break;
      if (map_.mappings[own].end > m.start) m.start = map_.mappings[own].end;
    }
  }
  release_memory_map(parents);
}

const ProgramMemory::Window* ProgramMemory::window_at(std::uint64_t address) noexcept {
  if (windows_ == nullptr) return nullptr;
  const std::uint64_t start = address & ~(kWindowBytes - 1);
  Window& w = windows_[start / kWindowBytes % kWindows];
  if (w.start == start) return &w;
  w = {};
  w.start = start;
  const std::uint64_t end = start + kWindowBytes;
  for (std::uint32_t i = map_.first_above(start); i < map_.count && map_.mappings[i].start < end; ++i) {
    const Mapping& m = map_.mappings[i];
    pages_.for_touched_pages(m.start > start ? m.start : start, m.end < end ? m.end : end,
                             [&w](std::uint64_t from, std::uint64_t to) {
                               for (std::uint64_t page = from / kPageSize; page * kPageSize < to; ++page) {
                                 w.touched[page / 64 % kWindowWords] |= std::uint64_t{1} << page % 64;
                               }
                             });
  }
  return &w;
}

std::uint64_t ProgramMemory::read(int way, std::uint64_t from, std::uint64_t to) noexcept {
  if (buffer_ == nullptr) return 0;
  const std::uint64_t bytes = to - from < kBuffer ? to - from : kBuffer;
  if (way != kByProcess) {
    const long got = sys::pread(way, buffer_, bytes, from);
    return got > 0 ? static_cast<std::uint64_t>(got) : 0;
  }
  const struct iovec local = {buffer_, bytes};
  const struct iovec remote = {reinterpret_cast<void*>(from), bytes};
  const long got =
      sys::call(SYS_process_vm_readv, sys::getpid(), sys::as_word(&local), 1, sys::as_word(&remote), 1, 0);
  if (got > 0) return static_cast<std::uint64_t>(got);
  constexpr long kEfault = -14;
  return got == kEfault ? 0 : copy_page(buffer_, from, bytes);
}

}  // namespace weir
