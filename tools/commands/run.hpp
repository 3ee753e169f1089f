// `weir run`: becomes the program, with libweir.so preloaded. The process stays the same, so signals,
// terminal and exit status are the program's own.
#pragma once

#include <string>
#include <vector>

#include "tools/launch/prepare.hpp"
#include "tools/options/split.hpp"

namespace weir {

struct RunRequest {
  std::vector<OptionPair> options;   // as the command line has them
  std::string routes;                // rules; empty: what WEIR_ROUTES has
  std::string routes_file;           // the same in a file
  std::vector<std::string> command;  // program and arguments; not empty
};

// Returns only when the program was not started.
int run(const RunRequest& request);

}  // namespace weir
