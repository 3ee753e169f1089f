// The pages under the routes: spans of 16 KiB units in the upper half of the heap zone, and the table that
// tells of any address in O(1) what it belongs to.
//
// A span is 2^order units, aligned to its size. Each of its units has a tag: what the span is, and how far
// its first unit lies ahead; its first unit has a UnitInfo, whose fields belong to whoever took the span.
// Spans that come back are kept, dirty, for whoever asks next; what nobody asked for in a second goes back to
// the system. Free spans are split and merged as buddies (Knowlton 1965), dirty ones and clean ones each
// among themselves.
//
// Thread-safe, one lock, taken for whole spans only. Never calls malloc. The tables grow with the zone;
// nothing is reserved ahead, so RLIMIT_AS counts what is used.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/base/zones.hpp"

namespace weir {

using UnitIndex = std::uint32_t;  // 0 is none: the first unit is never handed out

inline constexpr unsigned kUnitShift = 14;
inline constexpr std::size_t kUnitBytes = std::size_t{1} << kUnitShift;
inline constexpr unsigned kMostOrder = 18;  // 4 GiB

// What a span is. Below kFirstOtherKind: a pool's, of that bin (see thread_routes).
enum UnitKind : std::uint16_t {
  kNoKind = 0,
  kFirstOtherKind = 0xf00,
  kChunkKind = kFirstOtherKind,  // an arena's chunk
  kLargeKind,                    // one block of an arena's, too large for its chunks
  kPageKind,                     // one block of a page route's
  kFixedKind,                    // a fixed buffer
  kFreeKind,                     // nobody's: the first unit of a span of the store's
};

class UnitTag {
 public:
  constexpr UnitTag() = default;
  constexpr UnitTag(std::uint16_t kind, std::uint32_t behind) : word_(behind << kKindBits | kind) {}

  std::uint16_t kind() const noexcept { return word_ & ((1u << kKindBits) - 1); }
  std::uint32_t behind() const noexcept { return word_ >> kKindBits; }  // units from the first of the span

 private:
  static constexpr unsigned kKindBits = 12;
  std::uint32_t word_ = 0;
};

inline constexpr std::uint32_t kZeroed = 1;        // the pages were zero when the block was given
inline constexpr std::uint32_t kFreedByOther = 2;  // while a scope lists it, which ends it

struct UnitInfo {
  union {
    std::uint64_t back;   // pool: how many blocks were given back, and have their bit set
    std::uint64_t bytes;  // large and page: of the block
    std::uint64_t stamp;  // free: when it came back, in milliseconds
  };
  std::uint32_t carved;      // pool: blocks that were ever handed out
  std::uint32_t used;        // pool: blocks that are out. large and page: kZeroed, kFreedByOther
  UnitIndex previous, next;  // in its owner's list, or in the store's
  std::uint16_t order;
  std::uint16_t route;     // large and page
  std::uint32_t retained;  // pool: counted among the empty spans that are kept. free: its pages are clean
};
static_assert(sizeof(UnitInfo) == 32);

extern GrowingTable<UnitTag> unit_tags;
extern GrowingTable<UnitInfo> unit_infos;

// Of a pool's span: bit i is set where its i-th block was given back. Beside the span, so that blocks are
// handed out again in the order of their addresses, and none is touched to find the next.
struct SpanBits {
  std::uint64_t word[kUnitBytes / 16 / 64];
};
extern GrowingTable<SpanBits> span_bits;

inline UnitIndex unit_of(const void* p) noexcept {
  return static_cast<UnitIndex>((reinterpret_cast<std::uint64_t>(p) - kRouteBase) >> kUnitShift);
}
inline char* unit_address(UnitIndex unit) noexcept {
  return reinterpret_cast<char*>(kRouteBase + (std::uint64_t{unit} << kUnitShift));
}
inline UnitTag tag_of(UnitIndex unit) noexcept {
  return unit_tags.data()[unit];
}
inline UnitIndex first_unit_of(UnitIndex unit) noexcept {
  return unit - tag_of(unit).behind();
}
inline UnitInfo& info_of(UnitIndex first) noexcept {
  return unit_infos.data()[first];
}

// False for addresses of the zone that were never handed out: tables hold nothing there.
bool is_mapped_unit(UnitIndex unit) noexcept;

constexpr unsigned order_of_bytes(std::size_t bytes) noexcept {
  unsigned order = 0;
  while ((kUnitBytes << order) < bytes) ++order;
  return order;
}

// A span for `kind`, its pages readable and writable, `zeroed` or dirty; 0 when the system has no more.
UnitIndex take_span(unsigned order, std::uint16_t kind, bool* zeroed = nullptr) noexcept;

// Takes a span back. `now`: its pages go back to the system at once.
void give_span(UnitIndex first, bool now = false) noexcept;

// Now and then looks at the clock for spans that have been free for long; for slow paths, with no lock held.
void look_for_old_spans() noexcept;

// Gives back the pages of all spans that nobody has (malloc_trim).
void trim_spans() noexcept;

struct SpanUse {
  std::uint64_t mapped, dirty;  // bytes: of all spans; of those that nobody has
};
SpanUse span_use() noexcept;

void lock_spans_for_fork() noexcept;
void unlock_spans_after_fork() noexcept;

}  // namespace weir
