// libunwind's answers, which the oracle holds weir's against: its local half, loaded for itself alone.
//
// backtrace is the fast one, with a cache of frames by address that each thread keeps for good.
// walk_by_cursor remembers nothing, which costs a hundred times as much,
// and knows which frames a signal interrupted.
//
// libunwind follows the tables wherever they lead. At a few instructions gcc's are wrong about BP (behind the
// leave of a function that aligns its stack); with what they say a frame further out may be looked for where
// no memory is. Then the walk ends there, by a handler of SIGSEGV, which is left to programs that have one.
#pragma once

#include <cstdint>

namespace weir::reference {

// Loads and initialises libunwind; false where that is not possible. Before the first of the others.
bool load() noexcept;

// The calling thread's return addresses, innermost first, from the caller's own outwards; how many, and 0
// where libunwind reads outside of memory.
unsigned backtrace(void** to, unsigned room) noexcept;

// The same; exact[i]: a signal interrupted to[i].
// `faulted`: libunwind read outside of memory behind the last.
unsigned walk_by_cursor(void** to, bool* exact, unsigned room, bool& faulted) noexcept;

// Whether libunwind finds unwind tables for the code at an address. Remembers addresses that have none, since
// asking takes long: where JIT code was, tables do not turn up.
bool has_tables(std::uint64_t address) noexcept;

// Whether a function begins at an address, so that no call can return there.
bool begins_function(std::uint64_t address) noexcept;

}  // namespace weir::reference
