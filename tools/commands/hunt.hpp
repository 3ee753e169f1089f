// `weir hunt`: runs a program under one layout of the heap after the other, and reports each bug once.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tools/hunt/layouts.hpp"
#include "tools/options/split.hpp"

namespace weir {

struct HuntRequest {
  std::vector<OptionPair> options;   // as the command line has them
  std::vector<std::string> command;  // program and arguments; not empty
  std::vector<Layout> layouts;
  std::chrono::milliseconds limit{0};  // of one run; none when 0
  bool shows_all_output = false;       // not only the first run's
  int exitcode = 1;                    // when something was found
  std::string log_path = "stderr";
  std::string json_path;
  std::string color = "auto";
};

inline constexpr int kHuntIncomplete = 3;  // nothing was found, but a run did not come to its end

// 0 when nothing was found; the request's exitcode; kHuntIncomplete; 128 + number when a signal ended it; or,
// when the program could not be run, one of prepare.hpp's.
int hunt(const HuntRequest& request);

}  // namespace weir
