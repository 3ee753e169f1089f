// The rules of option fail= as plain structs: which requests shall find no memory.
// Which text means what is shim/watch/fail_parser.hpp's.
//
// A request matches a rule when all conditions hold. The rule counts its matching requests from 1 on, and
// chooses among them by number: so the same numbers fail again with the same seed.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/abi/route_rules.hpp"

namespace weir {

inline constexpr unsigned kMostFailStacks = 16;

enum class FailChoice : std::uint8_t { kAll, kNth, kEvery, kChance };

struct FailRule {
  std::string_view text;  // as written
  FailChoice choice = FailChoice::kAll;
  std::uint64_t number = 0;                   // kNth, kEvery: N. kChance: the chance, 2^64 - 1 being always
  std::uint64_t seed = 0;                     // kChance
  bool has_seed = false;                      // else it comes from the kernel
  std::uint64_t times = 0;                    // how many requests fail
  std::uint64_t after_ns = 0;                 // requests before that do not match
  unsigned stack_count = 0;                   // 0: any stack
  std::uint64_t stack[kMostFailStacks] = {};  // portable hashes (watch/stack_hash)
};

// The conditions of WEIR_ROUTES of each rule are in `when.rule[i].when`, where call_sites wants them.
struct FailRules {
  RouteRules when;
  FailRule rule[kMostRules];

  unsigned count() const noexcept { return when.count; }
};

// Whether the rule's choice falls on its n-th matching request. Pure.
constexpr bool chooses(const FailRule& rule, std::uint64_t n) noexcept {
  switch (rule.choice) {
    case FailChoice::kNth:
      return n >= rule.number;
    case FailChoice::kEvery:
      return n % rule.number == 0;
    case FailChoice::kChance: {
      // splitmix64: each number has a place of its own in the seed's sequence, so no state is shared.
      std::uint64_t x = rule.seed + n * 0x9e3779b97f4a7c15u;
      x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
      x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
      x ^= x >> 31;
      return x <= rule.number - 1;  // a chance is never 0
    }
    case FailChoice::kAll:
      break;
  }
  return true;
}

}  // namespace weir
