// The rules of WEIR_ROUTES as plain structs: what the preloaded library routes by, and what `weir routes`
// checks and explains. Which text means what is shim/abi/route_parser.hpp's.
//
// A request takes the first rule whose conditions all hold, and the parent where none does.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

enum class RouteTarget : std::uint8_t { kParent, kPool, kArena, kFixed, kPage };
enum class WhenFull : std::uint8_t { kParent, kNull, kAbort };

// Which call asks. realloc asks anew when a block must move; a C++ operator with an alignment is still one.
enum class CallKind : std::uint8_t { kMalloc, kCalloc, kRealloc, kMemalign, kNew, kNewArray };
inline constexpr unsigned kCallKinds = 6;
inline constexpr std::uint8_t kAnyCall = (1u << kCallKinds) - 1;

// A set of rules is a bit mask of 32.
inline constexpr unsigned kMostRules = 32;
using RuleMask = std::uint32_t;

struct RouteConditions {
  std::uint64_t least_bytes = 0;  // of the request, inclusive
  std::uint64_t most_bytes = UINT64_MAX;
  std::uint64_t least_alignment = 0;  // asked for; a call without one asks for 16
  std::uint64_t most_alignment = UINT64_MAX;
  std::uint8_t calls = kAnyCall;  // bit i: CallKind i
  // Patterns of shell globs separated by '|'; empty matches all. Views into the rules' text.
  std::string_view thread;  // the thread's name, as in /proc/PID/task/TID/comm
  std::string_view module;  // the calling module's file name, or its path where the pattern has a '/'
  std::string_view caller;  // the calling function, demangled without arguments, or as the linker knows it
  std::string_view source;  // the calling line's source file: its name, or its path where there is a '/'
};

struct RouteParameters {
  std::uint64_t capacity =
      0;                     // fixed: bytes of the buffer (required). pool, arena: most bytes; 0 is no limit
  std::uint64_t chunk = 0;   // arena: bytes of a chunk; 0 for the default
  std::uint64_t retain = 0;  // arena, pool: bytes of empty chunks that are kept
  bool has_retain = false;
  bool shared = false;  // arena, fixed: one for all threads instead of one for each
  WhenFull full = WhenFull::kParent;
  bool prefault = false;  // fixed, arena: touch the pages at once
  bool huge = false;      // ask for huge pages
  std::string_view file;  // fixed: the buffer is this file, mapped (shared only)
  std::string_view tag;   // a name for reports of mode=leak and mode=guard; empty for none
};

struct RouteRule {
  std::string_view name;  // given, or empty
  std::string_view text;  // the rule as written, without blanks around it
  RouteConditions when;
  RouteTarget target = RouteTarget::kParent;
  RouteParameters with;
};

struct RouteRules {
  RouteRule rule[kMostRules];
  unsigned count = 0;
};

}  // namespace weir
