// The same standard input for every run of a program.
//
// A terminal is left to the program. A file is opened anew for each run, at the place where it stood. What
// comes through a pipe is handed to the first run as it comes and kept, so that nobody waits for a pipe that
// the program never reads; later runs get what was kept.
//
// One thread. step() never blocks.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace weir {

class ProgramInput {
 public:
  explicit ProgramInput(int fd);
  ~ProgramInput();
  ProgramInput(const ProgramInput&) = delete;
  ProgramInput& operator=(const ProgramInput&) = delete;

  // The standard input of the next run, closed on exec and the caller's to close;
  // or -1: what this process has.
  int open_for_run();

  // While a run lasts: what to wait for, and what to do then.
  void add_to(std::vector<pollfd>& waits) const;
  void step();

  // The run is over: what it did not take the next one does.
  void end_run();

 private:
  enum class Kind { kInherited, kFile, kPipe };

  void take_more();
  void hand_on();

  int fd_;
  Kind kind_;
  off_t start_ = 0;      // kFile
  int kept_ = -1;        // kPipe: a memory file
  int to_program_ = -1;  // kPipe, while the first run lasts
  bool ended_ = false;   // kPipe: nothing more comes
  bool recorded_ = false;
  std::string waiting_;  // taken, and not yet handed on
};

}  // namespace weir
