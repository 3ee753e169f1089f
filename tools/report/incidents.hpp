// One misuse of the heap before its report has a form. Text and JSON are made of it; it comes from findings,
// or from the JSON of another process's report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/abi/findings.hpp"
#include "tools/findings/findings.hpp"
#include "tools/options/settings.hpp"
#include "tools/symbols/symboliser.hpp"

namespace weir {

// One of an incident's stacks, and who stood there.
struct Trace {
  std::vector<const Frame*> frames = {};  // innermost first, without those of libweir.so
  std::uint32_t flags = 0;                // kStackCut, kStackUnknown
  std::uint32_t thread = 0;               // 0: unknown
  std::uint32_t tid = 0;
  std::uint64_t age_ns = 0;
  std::string thread_name = {};
  std::string tag = {};  // that the program put on the block

  // Nothing of it is known: there is nothing to print.
  bool is_empty() const { return frames.empty() && flags == 0 && thread == 0; }
};

struct Incident {
  FindingsIncident facts = {};  // numbers and kinds; what they point at is in the members below

  std::uint32_t pid = 0;
  std::uint32_t context_size = 0;  // option malloc_context_size
  std::uint32_t signal = 0;        // that asked for the check, or ended the program
  std::string route = {};          // empty for the parent
  std::string place_module = {};   // path, for IncidentPlace::kStatic; empty when it is unknown
  std::vector<std::uint8_t> dump = {};
  std::vector<DumpMark> marks = {};  // as many

  Trace now = {};
  Trace allocated = {};
  Trace freed = {};
  Trace neighbour = {};
};

// Frames point into the symboliser.
std::vector<Incident> build_incidents(const Findings& findings, const Settings& settings,
                                      Symboliser& symboliser);

}  // namespace weir
