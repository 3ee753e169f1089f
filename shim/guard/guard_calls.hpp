// What the guarded heap does out of line: what happens seldom, and what is reported.
#pragma once

#include "shim/guard/ending.hpp"
#include "shim/guard/guard_header.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/unwind/stack_memo.hpp"

namespace weir::guarded {

// Whether stacks of allocations and of frees are kept, as option stacks says. Fixed at start.
extern bool keeps_alloc_stacks;
extern bool keeps_free_stacks;

// Every kCallsATick calls, or more often where check_every asks for it.
void tick(ThreadState* t) noexcept;

struct OddRequest {
  IncidentKind kind;
  IncidentCall call;
  std::size_t bytes, alignment, count;
};

void report_odd(const OddRequest& request, const CallSite& site) noexcept;

// No bytes, or more than there can be. False when nothing is to be allocated.
bool allow_odd(std::size_t bytes, Family family, const CallSite& site) noexcept;

// What of a block of so many bytes is new.
void fill_new(char* block, std::size_t from, std::size_t bytes) noexcept;

// Where rules say that the block comes from.
void* take_routed(std::size_t bytes, CallKind call, std::uint64_t caller) noexcept;

// guard=page: nullptr for a block that gets canaries.
void* take_pages(std::size_t bytes, std::size_t alignment, Family family, CallKind call,
                 const CallSite& site) noexcept;

// False when nothing more is to be done with the pointer.
bool refuse(void* block, IncidentCall call, const CallSite& site) noexcept;

// The wrong call for a block, which ends it all the same: that does no harm here.
void report_misfit(const GuardHeader& header, const Ending& how, const CallSite& site) noexcept;

// The canaries are damaged: reported, and the block is never used again.
void give_up(GuardHeader* header, IncidentCall call, const CallSite& site) noexcept;

// A block that does not lie where blocks lie, or has no live header.
void end_unusual(void* block, const Ending& how, const CallSite& site) noexcept;

// All blocks in [start, end) end there, without a call for each (a scope of a route's arena), those in the
// quarantine too.
void end_blocks(char* start, char* end) noexcept;

}  // namespace weir::guarded
