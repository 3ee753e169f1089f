// Option limit=: budgets of bytes.
//
// What a limit on live bytes counts is written beside the block (watch/block_words), so what was added is
// what is taken back: by whatever thread, after a realloc that moves, shrinks or fails, at the end of an
// arena's scope, in a fork's child. A request is added before it is made and taken back where it fails; each
// limit has one atomic sum, and one that makes requests fail adds only what fits. So the sum is exact at
// every moment, with any number of threads, and such a limit is never exceeded by a byte.
//
// Thread-safe and lock-free but for reports, of which one is made at a time; never calls malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/abi/incidents.hpp"
#include "shim/watch/watch.hpp"

namespace weir::limits {

// A block's word: the bytes that were asked for, and a bit for each limit that counts them. The highest bit
// is the call log's.
inline constexpr unsigned kBytesBits = 47;
inline constexpr std::uint64_t kBytesMask = (std::uint64_t{1} << kBytesBits) - 1;
inline constexpr std::uint64_t kLimitBits = std::uint64_t{0xffff} << kBytesBits;

// Inside the first allocation: reads the option; behind set_up_routes. True when there are limits.
bool set_up() noexcept;

// At the process's end: what failed, where something did.
void say_refusals() noexcept;

// In a fork's child: those were its parent's.
void forget_refusals() noexcept;

// What an allowed request has been added to.
struct Grant {
  std::uint64_t word;
  bool refused;
};

// Before a request. `old_word` is that of the block that it replaces, else 0: its bytes make room for the new
// ones. A refused request shall find no memory.
Grant admit(IncidentCall name, WatchedCall call, CallSite site, std::uint64_t old_word) noexcept;

// After it: `block` is the new one and gets the word, the old one's bytes go. nullptr: all is as it was, and
// the old block's word must be put back.
void settle(Grant grant, std::uint64_t old_word, void* block) noexcept;

// A block that had this word is gone.
void let_go(std::uint64_t word) noexcept;

}  // namespace weir::limits
