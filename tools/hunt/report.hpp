// What a hunt found, for people and as JSON.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/hunt/layouts.hpp"
#include "tools/hunt/merge.hpp"
#include "tools/hunt/run_program.hpp"

namespace weir {

struct HuntRun {
  Layout layout;
  RunEnd end;
  std::uint64_t reports = 0;  // that it wrote
};

struct HuntReport {
  std::vector<std::string> command;
  std::vector<HuntRun> runs;  // a Bug's layouts are indices of these
  std::vector<Bug> bugs;

  bool all_runs_were_whole() const;
};

std::string hunt_text(const HuntReport& report, bool color);

// docs/HUNT.md says what the members mean.
std::string hunt_json(const HuntReport& report);

}  // namespace weir
