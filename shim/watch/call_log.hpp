// Option log=: a line for each call of the heap's, or for those that match.
//
// An allocation gets a line when the conditions hold for it; then the block is marked (watch/block_words),
// and its free or realloc has a line too, whoever makes it. With log=* every call has one. A block's line
// comes after it was made and before it is freed, so that in the order of their times an address is never
// given twice in between.
//
// Thread-safe, async-signal-safe, never calls malloc. A line to a file costs about 100 ns (call_log_file).
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/abi/incidents.hpp"
#include "shim/watch/watch.hpp"

namespace weir::call_log {

// The word of a block that the log has named (watch/block_words).
inline constexpr std::uint64_t kLogged = std::uint64_t{1} << 63;

// Inside the first allocation: reads the options. True when there is a log.
bool set_up() noexcept;

// At the constructor's end: makes the file.
void begin() noexcept;

// At the process's end.
void end() noexcept;

void go_on_in_child() noexcept;

// What the program wrote in the call's parentheses: one number or two.
struct Arguments {
  std::uint64_t first;
  std::uint64_t second;
  bool has_second;
  bool first_is_address;
};

// After a request: `block` is nullptr where it failed. Of realloc, `was_logged` tells that of the old block.
void note_request(IncidentCall call, WatchedCall request, Arguments arguments, void* block,
                  std::uint64_t caller, bool was_logged) noexcept;

// Before a block is freed.
void note_free(IncidentCall call, const void* block, std::uint64_t caller) noexcept;

}  // namespace weir::call_log
