// Where the blocks of guard=page lie: a zone of the address space of their own, below the heap's.
//
// "Is this a page block?" is one compare. Nothing in the zone is mapped but the pages of live blocks, so all
// that lies between them has no access and costs nothing, neither memory nor a mapping.
#pragma once

#include <cstdint>

namespace weir::pages {

inline constexpr std::uint64_t kPageZoneBase = 0x2c00'0000'0000;  // 44 TiB
inline constexpr std::uint64_t kPageZoneSpan = std::uint64_t{1} << 42;

constexpr bool holds(std::uint64_t address) noexcept {
  return address - kPageZoneBase < kPageZoneSpan;
}
inline bool holds(const void* p) noexcept {
  return holds(reinterpret_cast<std::uint64_t>(p));
}

}  // namespace weir::pages
