// What became of a run in which one request found no memory.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/oom/run_program.hpp"
#include "tools/oom/stack_log.hpp"

namespace weir {

// From the gravest on; all from kHandled on are as they should be.
enum class Verdict : std::uint8_t { kCrash, kHang, kMisuse, kLeak, kSilent, kHandled, kNotReached };
inline constexpr unsigned kVerdicts = 7;
std::string_view word_of(Verdict verdict);

struct LostBlocks {
  std::string kind;  // "direct", "indirect"
  std::uint64_t bytes = 0;
  std::uint64_t blocks = 0;
  struct Place {
    LoggedModule module;
    std::uint64_t offset = 0;  // of the call
  };
  std::vector<Place> frames;  // innermost first

  // The same for the same stack in any run.
  std::string key() const;
};

// What the library and its reports wrote into a run's directory.
struct Evidence {
  StackLog log;                   // fail_report's, or alloc_stacks'
  std::vector<LostBlocks> leaks;  // of all processes
  std::string misuse;             // mode=guard's first line, or empty

  static Evidence read(const std::string& directory);
  std::set<std::string> leak_keys() const;
};

enum class LeakRule : std::uint8_t { kAll, kSameStatus, kNone };

// The good run, and how a failing one is held against it.
struct Reference {
  int status = 0;
  File output;
  bool output_matters = true;
  bool abort_is_handled = false;
  LeakRule leaks = LeakRule::kAll;
  std::set<std::string> known_leaks;
};

struct Outcome {
  Verdict verdict = Verdict::kHandled;
  int signal = 0;                  // kCrash
  int status = 0;                  // exit status otherwise
  std::vector<LoggedFrame> crash;  // where, as far as it is known
  StackLog log;                    // that the frames are of
  std::vector<LostBlocks> leaks;   // kLeak: those that the good run had not
  std::string misuse;              // kMisuse
};

Outcome judge(const Reference& reference, const RunResult& result, Evidence&& evidence);

}  // namespace weir
