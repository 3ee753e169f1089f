// `weir run`: becomes the program, with libweir.so preloaded. The process stays the same, so signals,
// terminal and exit status are the program's own.
#pragma once

#include <string>
#include <vector>

#include "tools/options/split.hpp"

namespace weir {

struct RunRequest {
  std::vector<OptionPair> options;   // as the command line has them
  std::string routes;                // rules; empty: what WEIR_ROUTES has
  std::string routes_file;           // the same in a file
  std::vector<std::string> command;  // program and arguments; not empty
};

inline constexpr int kNotRun = 2;           // strict=1, wrong rules, no library: the program was not started
inline constexpr int kNotExecutable = 126;  // as a shell's
inline constexpr int kNotFound = 127;

// Returns only when the program was not started.
int run(const RunRequest& request);

}  // namespace weir
