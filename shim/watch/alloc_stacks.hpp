// The distinct stacks of requests: for fail's `stack=`, for telling each once, and for option alloc_stacks.
//
// One table for the process, found by the depot's id without a lock and grown under one. A request whose
// stack is not known (out of a signal handler that interrupted weir, from a thread that is ending) is not in
// it. Never calls malloc.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/watch/watch.hpp"

namespace weir {

struct RecordedStack {
  std::uint64_t hash;  // portable
  StackId id;
  std::uint32_t written;  // in which process its line was written last: fork's generation + 1
  WatchedCall first;      // the first request
  std::atomic<std::uint64_t> requests;
  std::atomic<bool> told;
};

// Inside the first allocation.
bool set_up_alloc_stacks() noexcept;
bool records_stacks() noexcept;  // option alloc_stacks is given

// The request's stack, counted and, where the option asks for it, on file. nullptr when it is not known.
RecordedStack* record_stack(WatchedCall call, CallSite site) noexcept;

// A failed request and its stack, for option fail_report.
void report_failure(const RecordedStack& stack, WatchedCall call) noexcept;
// What ends the process; in its signal handler.
void report_crash(int signal, CallSite site) noexcept;
bool reports_failures() noexcept;  // option fail_report is given

void begin_alloc_stacks() noexcept;
void write_counts() noexcept;

void lock_alloc_stacks() noexcept;
void unlock_alloc_stacks() noexcept;
void begin_alloc_stacks_in_child() noexcept;

}  // namespace weir
