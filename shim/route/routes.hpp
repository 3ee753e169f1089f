// The rules in force, and the allocators that they lead to. Fixed before the first allocation,
// never changed after.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/abi/route_rules.hpp"
#include "shim/route/arena.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

struct ThreadCache;

inline constexpr unsigned kNoRule = kMostRules;  // no rule holds: the parent

// What a rule's target is, as far as each request needs it.
struct Route {
  RouteTarget target = RouteTarget::kParent;
  WhenFull full = WhenFull::kParent;
  bool shared = false;
  std::uint8_t pool = 0;
  BlockTag tag = kNoTag;
};

struct Request {
  std::size_t bytes;
  std::size_t alignment;  // kGranule for calls without one
  CallKind call;
  std::uint64_t caller;  // return address
};

extern RouteRules route_rules;
extern Route routes[kMostRules + 1];
extern unsigned pool_count;
extern bool routing;           // there are rules, or stats=1
extern bool sites_matter;      // some rule asks for module, caller or source
extern bool threads_matter;    // some rule asks for the thread
extern std::size_t way_bytes;  // that the heap above adds to each block

extern Lane shared_lanes[kMostRules];  // by rule; those of rules that say `shared`

// Reads the rules. Inside the process's first allocation. `added_bytes` becomes way_bytes: the most that the
// heap above adds to a block; 0 when it adds no header.
void set_up_routes(std::size_t added_bytes) noexcept;

// The rule that the request takes, or kNoRule. `cache` may be nullptr.
unsigned rule_for(const Request& request, ThreadCache* cache) noexcept;

// The tag of the rule that the request takes; kNoTag without.
BlockTag tag_for(const Request& request) noexcept;

// How reports call the rule: ends with a NUL, stays.
const char* name_of_rule(unsigned rule) noexcept;

// The rule whose pool it is.
unsigned rule_of_pool(unsigned pool) noexcept;

}  // namespace weir
