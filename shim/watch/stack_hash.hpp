// A stack's name that is the same in every run of the same files: a hash of (module, offset) pairs, so that
// address space layout does not matter. A module is its build id; its path where it has none.
//
// Weir's own frames are left out: how many there are depends on the mode. Only the innermost kNamedFrames
// count. Never calls malloc; reads modules without a lock.
#pragma once

#include <cstdint>

#include "shim/abi/findings.hpp"

namespace weir {

inline constexpr std::uint32_t kNamedFrames = 128;

// Innermost first. Leaves weir's own frames out of `tokens`; how many stay.
std::uint32_t drop_own_frames(FrameToken* tokens, std::uint32_t count) noexcept;

// Of frames without weir's own. Never 0.
std::uint64_t portable_hash(const FrameToken* tokens, std::uint32_t count) noexcept;

}  // namespace weir
