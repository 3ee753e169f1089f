// One run of a program to its end, its time limit, or a signal that ends us.
//
// One thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "tools/hunt/input.hpp"

namespace weir {

struct ProgramRun {
  std::vector<std::string> command;
  std::vector<std::pair<std::string, std::string>> variables;  // set in its environment
  bool shows_output;                                           // else it goes to /dev/null
  std::chrono::milliseconds limit;                             // none when 0
  int check_signal;  // asks the library for a check, before the program is stopped; 0: none
};

struct RunEnd {
  int wait_status = 0;  // as waitpid tells
  int start_error = 0;  // errno: it was not started
  bool timed_out = false;
  int interrupted = 0;  // by this signal
  std::chrono::milliseconds time{};

  bool is_whole() const;     // it ended by itself, with a status
  std::string text() const;  // "status 0", "SIGSEGV", "stopped after 10 s"
};

// From now on SIGINT, SIGTERM and SIGHUP arrive at this descriptor, so that a run is stopped, and what it
// found printed, before they end us.
int take_ending_signals();

// `signals` is that descriptor; `tick` is called several times a second.
RunEnd run_program(const ProgramRun& run, ProgramInput& input, int signals,
                   const std::function<void()>& tick);

}  // namespace weir
