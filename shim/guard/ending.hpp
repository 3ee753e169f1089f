// How a block is ended: by which call, for which families that is,
// and what the call says of size and alignment.
#pragma once

#include <cstddef>

#include "shim/abi/incidents.hpp"
#include "shim/track/block_header.hpp"

namespace weir::guarded {

constexpr unsigned bit(Family f) noexcept {
  return 1u << static_cast<unsigned>(f);
}
inline constexpr unsigned kOfC = bit(Family::kMalloc) | bit(Family::kCalloc) | bit(Family::kRealloc) |
                                 bit(Family::kAligned) | bit(Family::kPosixMemalign) | bit(Family::kOwn);

struct Ending {
  IncidentCall call;
  unsigned families;
  bool has_bytes = false;
  bool has_alignment = false;
  std::size_t bytes = 0;
  std::size_t alignment = kHeaderBytes;  // what a call without one asks for
};

}  // namespace weir::guarded
