// What `weir oom` tells: runs that did not take their failure well, alike ones together.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "tools/oom/frame_names.hpp"
#include "tools/oom/stack_log.hpp"
#include "tools/oom/verdict.hpp"

namespace weir {

struct FailedRun {
  std::size_t stack;  // index into OomReport::stacks.stacks
  Outcome outcome;
};

struct OomReport {
  std::vector<std::string> command;
  StackLog stacks;  // of the good run
  std::vector<FailedRun> runs;
  std::size_t left_out = 0;  // stacks that were not tried
  std::string strip_path_prefix;

  std::array<std::size_t, kVerdicts> counts() const;
  bool all_handled() const;
};

std::string oom_text(const OomReport& report, FrameNames& names);
std::string oom_json(const OomReport& report, FrameNames& names);
std::string oom_summary(const OomReport& report);

}  // namespace weir
