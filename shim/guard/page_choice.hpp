// Which blocks get pages of their own: those that guard_where names, and of them one in guard_every.
//
// Each thread counts for itself, from a place of its own, so that threads that make few blocks get their turn
// too. The conditions are those of a rule of WEIR_ROUTES without name and target, joined by blanks, ',' or
// '&&'. A condition on the thread's name costs a system call for each block that the others let through.
//
// Thread-safe, async-signal-safe, never calls malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/abi/route_rules.hpp"

namespace weir::pages {

// Inside the first allocation: reads guard_where. A mistake in it is a message, and then it says nothing (all
// blocks count); with strict=1 the program ends.
void set_up_choice() noexcept;

// Blocks of this thread up to the next one on pages; 0 and 1: ask.
extern __thread std::uint32_t blocks_to_go __attribute__((tls_model("initial-exec")));

bool choose(std::size_t bytes, std::size_t alignment, CallKind call, std::uint64_t caller) noexcept;

// Whether this block is to lie on pages of its own. Counts it. `alignment` is 16 for calls without one,
// `caller` the return address.
inline bool wanted(std::size_t bytes, std::size_t alignment, CallKind call, std::uint64_t caller) noexcept {
  if (__builtin_expect(blocks_to_go > 1, 1)) {
    --blocks_to_go;
    return false;
  }
  return choose(bytes, alignment, call, caller);
}

// What wanted() chose could not be: the next block that may, does.
void keep_turn() noexcept;

}  // namespace weir::pages
