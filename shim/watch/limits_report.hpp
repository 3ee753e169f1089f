// What is said when a limit is exceeded: a line, or a report of who holds the most, by the tool.
//
// The report is made by a raw fork, as that of a leak check on demand is: the program stands still for the
// length of the fork, the child searches its frozen copy of the heap. In mode=pass blocks have no headers to
// be found by, and the report is one line. No malloc; a report at a time,
// others that come meanwhile are dropped.
#pragma once

#include <cstdint>

#include "shim/abi/incidents.hpp"
#include "shim/unwind/stack_memo.hpp"
#include "shim/watch/limits_rules.hpp"

namespace weir::limits {

// A limit, and the request that is too much.
struct Excess {
  const LimitRule& rule;
  unsigned number;    // of the limit
  std::uint64_t now;  // bytes live or resident before the request
  IncidentCall call;
  std::uint64_t bytes;
  CallSite site;
};

// The line for a request that fails.
void say_refusal(const Excess& excess) noexcept;

// Whether no request of this limit was reported for this return address yet. Remembers at most 256 of them.
bool is_new_place(unsigned limit, std::uint64_t ip) noexcept;

void report_excess(const Excess& excess) noexcept;
[[noreturn]] void report_and_abort(const Excess& excess) noexcept;

}  // namespace weir::limits
