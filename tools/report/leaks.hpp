// The report before it has a form: what leaked, sorted, suppressed and counted. Text and JSON are made of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/findings.hpp"
#include "tools/findings/findings.hpp"
#include "tools/options/settings.hpp"
#include "tools/suppressions/matcher.hpp"
#include "tools/symbols/symboliser.hpp"

namespace weir {

struct Leak {
  LeakKind kind;
  std::uint64_t bytes;
  std::uint64_t blocks;
  std::uint32_t stack_flags;         // kStackCut, kStackUnknown
  std::string_view route;            // name of the route of WEIR_ROUTES; empty for the parent
  std::string_view tag;              // that the program put on them; empty for none
  std::vector<const Frame*> frames;  // innermost first
};

// What lies under a name that the program put on it, before suppressions.
struct TagTotals {
  std::string_view tag;
  LeakTotals of[kLeakKinds];  // indexed by LeakKind
};

struct LeakReport {
  FindingsHeader facts = {};
  std::vector<std::string> command;

  std::vector<Leak> leaks;        // to be printed: direct, indirect, reachable, each largest first
  std::uint64_t small_leaks = 0;  // left out because of min_leak_bytes
  std::uint64_t more_leaks = 0;   // left out because of max_leaks

  LeakTotals lost[2] = {};  // direct and indirect, after suppressions
  LeakTotals suppressed = {};
  std::vector<TagTotals> tags;  // those with live blocks, the largest first
  std::vector<SuppressionUse> used;
  std::vector<std::string> unused;  // patterns of the user's file

  std::uint64_t lost_bytes() const { return lost[0].bytes + lost[1].bytes; }
  std::uint64_t lost_blocks() const { return lost[0].blocks + lost[1].blocks; }
};

// Frames point into the symboliser, names of routes and tags into the findings.
LeakReport build_report(const Findings& findings, const Settings& settings, Symboliser& symboliser,
                        SuppressionMatcher& suppressions);

}  // namespace weir
