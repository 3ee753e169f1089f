// Where weir's memory lies: two zones of the address space that nobody else uses.
//
// The kernel places mappings downwards from the stack, programs upwards from where they were linked; the
// terabytes between are empty. Everything that the parent allocator maps goes to the lower half of the heap
// zone, the blocks of the routes to its upper half (route/units), everything that weir itself needs (stack
// depot, memos, rules) to the table zone, each mapping behind the last by
// MAP_FIXED_NOREPLACE. So "is this block ours?" and "is this one of our own tables?" are one compare each,
// no address space is reserved ahead (RLIMIT_AS counts what is used, as without weir), and the leak checker
// knows what to search and what to leave out.
//
// Where the zone cannot be had (an emulator with a small address space), mappings go wherever the kernel
// puts them and are listed; then the compare fails and the list is searched.
//
// Thread-safe, lock-free, async-signal-safe; valid before any constructor has run.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir {

inline constexpr std::uint64_t kZoneSpan = std::uint64_t{1} << 42;   // 4 TiB: what a zone maps itself
inline constexpr std::uint64_t kZoneGrain = std::uint64_t{1} << 21;  // a huge page; mappings start on one

class Zone {
 public:
  constexpr explicit Zone(std::uint64_t base) : base_(base), next_(base) {}

  // Maps zeroed, readable and writable memory. O(1) but for collisions. nullptr when there is none.
  void* map(std::size_t bytes) noexcept;

  // Whether the address lies among those that map() has given out or claim() has taken so far.
  bool is_used(std::uint64_t address) const noexcept {
    return address - base_ < next_.load(std::memory_order_relaxed) - base_;
  }

  // Takes addresses without mapping them, for a table that grows in place (see GrowingTable). Never fails.
  std::uint64_t claim(std::size_t bytes) noexcept;

 protected:
  bool has_strays() const noexcept { return strays_.load(std::memory_order_relaxed) != 0; }
  bool stray_holds(const void* p) const noexcept;

 private:
  struct Stray {
    std::uint64_t start, end;
  };
  static constexpr std::size_t kMaxStrays = 1024;

  void* map_stray(std::size_t bytes) noexcept;

  const std::uint64_t base_;
  std::atomic<std::uint64_t> next_;
  std::atomic<std::uint32_t> strays_{0};
  Stray stray_[kMaxStrays]{};
};

// A zone at a fixed place: whether it holds an address is a shift and a compare, without a load.
// It holds kHeld bytes, of which it maps the first kZoneSpan itself.
template <std::uint64_t kBase, std::uint64_t kHeld = kZoneSpan>
class ZoneAt : public Zone {
 public:
  static_assert(kBase % kHeld == 0 && kHeld >= kZoneSpan);
  constexpr ZoneAt() : Zone(kBase) {}

  // The compare alone: false also for what lies outside because the zone could not be had.
  bool has_in_place(const void* p) const noexcept {
    return __builtin_expect(reinterpret_cast<std::uint64_t>(p) / kHeld == kBase / kHeld, 1);
  }

  bool holds(const void* p) const noexcept { return has_in_place(p) || (has_strays() && stray_holds(p)); }

  // Whether weir mapped what is there: a program may map memory in the zone by its address, and that is the
  // program's. By grains. O(1).
  bool is_own(std::uint64_t address) const noexcept {
    const void* p = reinterpret_cast<const void*>(address);
    if (!has_in_place(p)) return has_strays() && stray_holds(p);
    const std::uint64_t grain = (address - kBase) / kZoneGrain;
    return (mapped_[grain / 64].load(std::memory_order_relaxed) >> grain % 64 & 1) != 0;
  }

  // O(bytes / 128 MiB).
  void note_mapped(std::uint64_t address, std::size_t bytes) noexcept {
    const std::uint64_t first = (address - kBase) / kZoneGrain;
    const std::uint64_t last = (address + bytes - 1 - kBase) / kZoneGrain;
    for (std::uint64_t word = first / 64; word <= last / 64; ++word) {
      std::uint64_t bits = ~std::uint64_t{0};
      if (word == first / 64) bits &= ~std::uint64_t{0} << first % 64;
      if (word == last / 64) bits &= ~std::uint64_t{0} >> (63 - last % 64);
      if ((mapped_[word].load(std::memory_order_relaxed) & bits) != bits)
        mapped_[word].fetch_or(bits, std::memory_order_relaxed);
    }
  }

 private:
  std::atomic<std::uint64_t> mapped_[kHeld / kZoneGrain / 64]{};
};

// 48 TiB and 56 TiB: above what ASan, Go, ZGC and V8 ask for by address, below where Linux puts programs
// (0x55…) and mappings (0x7f…). Start addresses are not secret; what they hold is placed by jemalloc.
using HeapZone = ZoneAt<0x3000'0000'0000, 2 * kZoneSpan>;
using TableZone = ZoneAt<0x3800'0000'0000, kZoneSpan>;
extern HeapZone heap_zone;    // blocks of the program and the allocators' own bookkeeping
extern TableZone table_zone;  // weir's tables: never a root, never searched

// The upper half of the heap zone, whose pages route/units hands out.
inline constexpr std::uint64_t kRouteBase = 0x3400'0000'0000;
inline constexpr std::uint64_t kRouteSpan = kZoneSpan;

constexpr bool is_routed(std::uint64_t address) noexcept {
  return address - kRouteBase < kRouteSpan;
}

// Fixed-size elements at addresses that never move, mapped in steps as they are needed.
//
// ensure() is called under the owner's lock; elements below size that were published stay readable without.
template <typename T>
class GrowingTable {
 public:
  bool ensure(std::size_t count) noexcept;
  T* data() const noexcept { return data_.load(std::memory_order_acquire); }
  T& operator[](std::size_t i) const noexcept { return data()[i]; }

 private:
  std::atomic<T*> data_{nullptr};
  std::size_t mapped_bytes_ = 0;
};

// From now on tables of a process that has used up RLIMIT_DATA are shared memory, which does not count there. For the
// check at the end: a fork's child would share them.
void share_tables_when_short() noexcept;

// Asks for huge pages, for a table that is filled at once: one fault for 2 MiB, not for 4 KiB. (A list of 50 MB was
// filled in 5 ms instead of 170 on a machine whose faults are dear.)
void advise_huge_pages(void* start, std::size_t bytes) noexcept;

// Maps [address, address + bytes) of a range that was claimed in one of the zones; false when the system has no memory.
bool map_claimed(std::uint64_t address, std::size_t bytes) noexcept;

template <typename T>
bool GrowingTable<T>::ensure(std::size_t count) noexcept {
  constexpr std::size_t kStep = std::size_t{256} << 10;
  constexpr std::size_t kClaim = std::size_t{1} << 34;
  const std::size_t need = (count * sizeof(T) + kStep - 1) & ~(kStep - 1);
  if (need <= mapped_bytes_) return true;
  if (need > kClaim) return false;
  T* data = data_.load(std::memory_order_relaxed);
  if (data == nullptr) data = reinterpret_cast<T*>(table_zone.claim(kClaim));
  if (!map_claimed(reinterpret_cast<std::uint64_t>(data) + mapped_bytes_, need - mapped_bytes_)) return false;
  mapped_bytes_ = need;
  data_.store(data, std::memory_order_release);
  return true;
}

}  // namespace weir
