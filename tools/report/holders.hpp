// The report of a limit that was exceeded, as people read it: the request, and which stacks hold the most.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/findings.hpp"
#include "tools/findings/findings.hpp"
#include "tools/options/settings.hpp"
#include "tools/report/incidents.hpp"
#include "tools/symbols/symboliser.hpp"

namespace weir {

struct Holder {
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;
  std::uint32_t stack_flags = 0;
  std::string_view route = {};            // empty for the parent
  std::string_view tag = {};              // empty for none
  std::vector<const Frame*> frames = {};  // innermost first
};

struct LimitReport {
  FindingsLimit facts = {};
  std::string_view limit = {};  // as written
  std::uint32_t pid = 0;
  std::uint32_t context_size = 0;
  Trace request = {};
  LeakTotals held = {};         // by all stacks together
  std::vector<Holder> holders;  // largest first
};

// Frames point into the symboliser, texts into the findings.
LimitReport build_limit_report(const Findings& findings, Symboliser& symboliser);

// At most max_leaks holders, ten where that is 0.
std::string limit_report_text(const LimitReport& report, const Settings& settings, bool color);

}  // namespace weir
