// `weir oom`: what becomes of a program when one allocation fails, tried for every stack that allocates.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/oom/verdict.hpp"
#include "tools/options/split.hpp"

namespace weir {

struct OomRequest {
  std::vector<OptionPair> options;   // of `weir options`, for every run
  std::vector<std::string> command;  // program and arguments; not empty
  std::size_t jobs = 0;              // runs at a time; 0: as many as there are processors
  double timeout = 0;                // seconds; 0: ten times the good run, at least one
  std::size_t limit = 0;             // stacks to try; 0: all
  std::string only;                  // a pattern of functions, modules or source files; empty: all
  std::string json;                  // a file
  bool guard = false;                // mode=guard in the runs
  bool ignore_output = false;
  bool abort_is_handled = false;
  LeakRule leaks = LeakRule::kAll;
};

inline constexpr int kOomUnhandled = 1;

// The exit status: 0 when every failure was taken well, kOomUnhandled when not, those of run.hpp when the
// program could not be run.
int oom(const OomRequest& request);

}  // namespace weir
