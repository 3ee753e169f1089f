// A misuse on its way to the user: from here the tool is started, and on_error decides what follows.
#pragma once

#include "shim/abi/findings.hpp"
#include "shim/guard/guard_header.hpp"

namespace weir {

// An address as findings hold it.
inline std::uint64_t as_number(const void* p) noexcept {
  return reinterpret_cast<std::uint64_t>(p);
}

// Where a stack of an incident comes from. `ticks` as in guard_clock; `thread` is ThreadState::number.
struct IncidentOrigin {
  StackId stack = 0;
  GuardMeta when{};
  bool known = false;
};

struct Incident {
  FindingsIncident facts{};

  // The memory to show: bytes from `dump_start` on, and what each is. Readable or marked kUnreadable.
  static constexpr unsigned kMostDump = 256;
  std::uint64_t dump_start = 0;
  unsigned dump_bytes = 0;

  StackId now = 0;
  IncidentOrigin allocated, freed, neighbour;
  unsigned char dump[kMostDump];
  DumpMark marks[kMostDump];
};

// Reports it without an end of the process: one of several.
void report_one_of_several(Incident& incident) noexcept;
// More that a check saw than it has room to report.
void count_unreported(std::uint64_t more) noexcept;
// After the last of several: what on_error says.
void end_as_asked() noexcept;

// Reports it, and ends the process unless on_error=continue. There each distinct one (kind, stacks) is
// reported once and then only counted. Thread-safe, async-signal-safe, never calls malloc; one report at a
// time, others wait.
void report_incident(Incident& incident) noexcept;

// In a fork's child: who was reporting is not there.
void forget_reports_of_others() noexcept;

// How many there were, and how many were reported. At exit, with on_error=continue.
struct IncidentCounts {
  std::uint64_t seen, reported;
};
IncidentCounts incident_counts() noexcept;

// The line at exit, if there was anything.
void say_incident_counts() noexcept;

}  // namespace weir
