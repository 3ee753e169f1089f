// What a leak check found, as the preloaded library hands it to the `weir` tool: one file (a memfd) of plain
// structs, complete before the tool starts. The only thing besides options.def that shim/ and tools/ share.
//
// Layout: FindingsHeader, then the sections it points at, each at an offset from the file's start. All
// integers are little endian and naturally aligned; strings are not terminated. Both sides come from one
// build; kFindingsVersion only guards against a stale tool.
#pragma once

#include <cstdint>

#include "shim/abi/incidents.hpp"

namespace weir {

inline constexpr char kFindingsMagic[8] = {'W', 'E', 'I', 'R', 'F', 'I', 'N', 'D'};
inline constexpr std::uint32_t kFindingsVersion = 6;

// One frame of a stack in 64 bits: address, what kind of address, and which loading of which module.
//   bits 0..46   instruction address as the unwinder saw it
//   bit  47      the address is exact (a frame that a signal interrupted); else it is a return address,
//                and the call is at address - 1
//   bits 48..63  index into the modules section; 0 for an address in no known module
using FrameToken = std::uint64_t;
inline constexpr unsigned kFrameModuleShift = 48;
inline constexpr FrameToken kFrameExactBit = FrameToken{1} << 47;
inline constexpr FrameToken kFrameAddressMask = kFrameExactBit - 1;

// kIncident: no leak check, but what the guard found; there are incidents and no groups.
// kLimit: a limit was exceeded; the groups (kReachable) are those that hold the most,
// with the total in totals.
enum class CheckReason : std::uint32_t { kExit = 0, kSignal = 1, kIncident = 2, kLimit = 3 };

enum class LeakKind : std::uint32_t {
  kDirect = 0,     // nothing points to it
  kIndirect = 1,   // only leaked blocks point to it
  kReachable = 2,  // still pointed to from a root, directly or not
};
inline constexpr unsigned kLeakKinds = 3;

// Why a leak check was not made: half of one would call leaks what it could not see pointers to.
enum class CheckObstacle : std::uint32_t {
  kNone = 0,
  kThreads = 1,
  kMemoryMap = 2,
  kMemory = 3,
  kFilter = 4
};
inline constexpr unsigned kObstacles = 5;

constexpr const char* obstacle_words(CheckObstacle why) noexcept {
  switch (why) {
    case CheckObstacle::kNone:
      return "";
    case CheckObstacle::kThreads:
      return "other threads may run, and the system does not list them (/proc/self/task)";
    case CheckObstacle::kMemoryMap:
      return "the system does not tell what is mapped (/proc/self/maps)";
    case CheckObstacle::kMemory:
      return "no memory is left for it";
    case CheckObstacle::kFilter:
      return "a seccomp filter forbids what it needs";
  }
  return "";
}

struct FindingsSection {
  std::uint64_t offset;  // bytes from the start of the file
  std::uint64_t count;   // elements (bytes for text)
};

struct LeakTotals {
  std::uint64_t bytes;
  std::uint64_t blocks;
};

struct FindingsHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t header_bytes;
  std::uint64_t file_bytes;

  std::uint32_t pid;
  CheckReason reason;
  LeakTotals totals[kLeakKinds];   // indexed by LeakKind, before suppressions
  std::uint64_t peak_bytes;        // most bytes live at one time
  std::uint64_t peak_error_bytes;  // 0 when exact; else the peak may be off by this much (threads)
  std::uint64_t allocations;       // malloc, calloc, new, … and realloc's new blocks
  std::uint64_t frees;
  std::uint64_t foreign_frees;     // blocks of another allocator, handed on to it
  std::uint64_t bad_frees;         // frees of what is no live block, with on_error=continue
  std::uint64_t untracked_stacks;  // allocations whose stack found no room (option stack_memory)
  std::uint64_t uncleared_frees;   // large freed blocks that kept their contents (option clear_freed)
  std::uint64_t pause_ns;          // how long the program stood still
  std::uint64_t check_ns;          // enumerating, marking and classing
  std::uint32_t threads;           // threads at the time of the check
  std::uint32_t silent_threads;    // of them, those that did not stand still in time
  std::uint32_t context_size;      // option malloc_context_size
  CheckObstacle obstacle;          // other than kNone: nothing was looked at, and there are no groups

  FindingsSection modules;  // FindingsModule; index 0 is unused (no module)
  FindingsSection groups;   // FindingsGroup; one a (stack with tag, kind, lost_through, route), in no order
  FindingsSection frames;   // FrameToken; innermost first
  FindingsSection text;     // bytes: paths
  FindingsSection options;  // bytes: the options in force, "key=value\n" each, every row of options.def
  FindingsSection command;  // bytes: the program's arguments, each ended by a NUL (/proc/self/cmdline)
  FindingsSection routes;   // bytes: the names of the rules of WEIR_ROUTES, each ended by a NUL
  FindingsSection tags;     // bytes: the names of the program's tags, each ended by a NUL
  FindingsSection
      tag_totals;  // LeakTotals; kLeakKinds for each tag, before suppressions; none for an incident or limit
  FindingsSection program;    // bytes: the name that it was started by, for %e
  FindingsSection incidents;  // FindingsIncident
  FindingsSection dumps;      // bytes: memory around the incidents, and their marks
  FindingsSection limits;     // FindingsLimit; one with kLimit, else none
};

inline constexpr std::uint32_t kModuleUnloaded = 1;  // dlclosed before the check

struct FindingsModule {
  std::uint64_t start;  // mapped address range [start, end) when it was loaded
  std::uint64_t end;
  std::uint64_t bias;         // load bias: file address = address - bias
  std::uint64_t path_offset;  // into text; the main program's is /proc/self/exe's target
  std::uint32_t path_bytes;
  std::uint32_t flags;
  std::uint32_t build_id_bytes;  // 0 when it has none
  std::uint8_t build_id[36];
};

inline constexpr std::uint32_t kStackCut = 1;      // deeper than malloc_context_size
inline constexpr std::uint32_t kStackUnknown = 2;  // ends in code without unwind tables (JIT)

struct FindingsGroup {
  LeakKind kind;
  std::uint32_t stack_id;  // the same stack has the same id in all groups
  std::uint64_t bytes;     // all blocks of the group
  std::uint64_t blocks;
  std::uint64_t first_frame;  // index into frames
  std::uint32_t frame_count;  // 0 for a block without a stack
  std::uint32_t flags;
  std::uint32_t lost_through;  // kIndirect: stack_id of the direct leak that leads to these blocks; else 0
  std::uint32_t route;         // the blocks came by this rule, counted from 1; 0: from the parent
  std::uint32_t tag;           // the name on them, counted from 1; 0: none
  std::uint32_t unused;
};

inline constexpr std::uint32_t kLimitKinds = 3;  // live, request, rss: LimitKind of shim/watch/limits_rules

// What was exceeded, and by what.
struct FindingsLimit {
  std::uint32_t kind;
  std::uint32_t aborts;  // 1: the program ends with this
  std::uint64_t limit_bytes;
  std::uint64_t now_bytes;  // live or resident, before the request
  std::uint64_t request_bytes;
  std::uint64_t rule_offset;  // bytes from the file's start: the limit as written
  std::uint32_t rule_bytes;
  IncidentCall call;
  std::uint64_t stacks;  // how many stacks hold something; groups has the largest
  IncidentStack now;     // the request's
};

// Exit status of `weir` when it has printed a report for the library (`weir leak-report --fd N`).
inline constexpr int kReportNothing = 0;  // no leak is left after suppressions
inline constexpr int kReportLeaks = 41;   // leaks were reported; no status that a library ends a process with
inline constexpr int kReportFailed = 2;   // the findings could not be read

}  // namespace weir
