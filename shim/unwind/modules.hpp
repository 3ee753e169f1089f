// The history of loaded modules: which file lay where, from when to when.
//
// A stack keeps for each frame the number of the loading that the address belonged to, so that code which
// was dlclosed can still be named, and two plug-ins that took turns at one address are told apart. Only
// modules that occur in stacks are here: each is registered when the first of its addresses is looked up.
// The same file loaded again at the same place gets its old number back, so the history does not grow with
// the number of reloads.
//
// Look-ups (find, number_of) take a lock but allocate nothing; reading entries below count() needs none.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/unwind/cfi.hpp"

namespace weir {

struct Module {
  std::uint64_t start, end;
  std::uint64_t bias;
  const char* path;  // absolute; empty for the main program
  std::uint32_t path_bytes;
  std::uint32_t build_id_bytes;
  std::uint8_t build_id[36];
  bool unloaded;
};

// What lies at an address now: its module's number (0: none) and unwind tables.
struct CodePlace {
  unsigned module;
  UnwindTables tables;
};

class Modules {
 public:
  static constexpr unsigned kMost = 65535;

  // `nested`: called from a signal handler that interrupted weir itself; gives up rather than wait.
  CodePlace find(std::uint64_t address, bool nested) noexcept;

  // After a dlclose: marks what is no longer loaded. True when anything was.
  bool sweep() noexcept;

  unsigned count() const noexcept;  // numbers are 1 … count() - 1
  const Module& operator[](unsigned number) const noexcept;

  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;
};

extern Modules modules;

// Counts the times that code went away; memoised stacks of another epoch are void.
extern std::uint64_t unload_epoch;

}  // namespace weir
