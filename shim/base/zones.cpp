#include "shim/base/zones.hpp"

#include <sys/mman.h>

#include "core/pages.hpp"
#include "shim/base/sys.hpp"

namespace weir {
namespace {

constinit std::atomic<bool> share_when_short{false};

long map_at(std::uint64_t address, std::size_t bytes, int flags) noexcept {
  constexpr long kNoMemory = -12;
  const auto map = [&](int kind) {
    return sys::call(SYS_mmap, static_cast<long>(address), static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                     kind | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  };
  const long got = map(MAP_PRIVATE);
  if (got != kNoMemory || !share_when_short.load(std::memory_order_relaxed)) return got;
  return map(MAP_SHARED);
}

// Maps it there and nowhere else; the kernel's answer.
long map_in_zone(std::uint64_t address, std::size_t bytes) noexcept {
  const long got = map_at(address, bytes, MAP_FIXED_NOREPLACE);
  if (got != static_cast<long>(address)) return got;
  const void* p = reinterpret_cast<const void*>(address);
  if (heap_zone.has_in_place(p)) heap_zone.note_mapped(address, bytes);
  if (table_zone.has_in_place(p)) table_zone.note_mapped(address, bytes);
  return got;
}

}  // namespace

constinit HeapZone heap_zone;
constinit TableZone table_zone;

std::uint64_t Zone::claim(std::size_t bytes) noexcept {
  const std::uint64_t step = round_up(bytes, kZoneGrain);
  std::uint64_t at = next_.load(std::memory_order_relaxed);
  for (;;) {
    // A program that makes and drops mappings for days comes round to where old ones were given back.
    const std::uint64_t from = at + step > base_ + kZoneSpan ? base_ : at;
    if (next_.compare_exchange_weak(at, from + step, std::memory_order_relaxed)) return from;
  }
}

void* Zone::map(std::size_t bytes) noexcept {
  if (bytes == 0 || bytes > kZoneSpan / 4) return nullptr;
  constexpr int kCollisions = 64;
  for (int tries = 0; tries < kCollisions; ++tries) {
    const std::uint64_t at = claim(bytes);
    const long got = map_in_zone(at, bytes);
    if (got == static_cast<long>(at)) return reinterpret_cast<void*>(got);
    if (got == -12 /* ENOMEM: the system's or the limit's last word */) return nullptr;
    if (got > 0) sys::call(SYS_munmap, got, static_cast<long>(bytes));  // a kernel without NOREPLACE
  }
  return map_stray(bytes);
}

void* Zone::map_stray(std::size_t bytes) noexcept {
  const std::uint32_t slot = strays_.fetch_add(1, std::memory_order_relaxed);
  if (slot >= kMaxStrays) {
    strays_.store(kMaxStrays, std::memory_order_relaxed);
    return nullptr;
  }
  const long got = map_at(0, bytes, 0);
  if (got < 0 && got > -4096) return nullptr;
  stray_[slot] = {static_cast<std::uint64_t>(got), static_cast<std::uint64_t>(got) + bytes};
  return reinterpret_cast<void*>(got);
}

bool Zone::stray_holds(const void* p) const noexcept {
  const std::uint64_t at = reinterpret_cast<std::uint64_t>(p);
  for (std::uint32_t i = strays_.load(std::memory_order_relaxed); i-- != 0;) {
    if (at - stray_[i].start < stray_[i].end - stray_[i].start) return true;
  }
  return false;
}

void share_tables_when_short() noexcept {
  share_when_short.store(true, std::memory_order_relaxed);
}

void advise_huge_pages(void* start, std::size_t bytes) noexcept {
  if (bytes >= kZoneGrain)
    sys::call(SYS_madvise, sys::as_word(start), static_cast<long>(bytes), MADV_HUGEPAGE);
}

bool map_claimed(std::uint64_t address, std::size_t bytes) noexcept {
  return map_in_zone(address, bytes) == static_cast<long>(address);
}

}  // namespace weir
