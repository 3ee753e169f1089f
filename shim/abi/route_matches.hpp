// Which rules a request can take: the conditions one by one, for the library and for `weir routes`.
//
// Allocates nothing. Masks have bit i for rule i; a rule without a condition of a kind holds for it.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/abi/glob.hpp"
#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_words.hpp"
#include "shim/abi/short_text.hpp"

namespace weir {

template <typename Holds>
constexpr RuleMask rules_where(const RouteRules& rules, Holds&& holds) noexcept {
  RuleMask mask = 0;
  for (unsigned i = 0; i < rules.count; ++i) {
    if (holds(rules.rule[i].when)) mask |= RuleMask{1} << i;
  }
  return mask;
}

constexpr bool call_holds(const RouteConditions& when, CallKind call) noexcept {
  return (when.calls >> static_cast<unsigned>(call) & 1) != 0;
}
constexpr bool size_holds(const RouteConditions& when, std::uint64_t bytes) noexcept {
  return when.least_bytes <= bytes && bytes <= when.most_bytes;
}
constexpr bool alignment_holds(const RouteConditions& when, std::uint64_t alignment) noexcept {
  return when.least_alignment <= alignment && alignment <= when.most_alignment;
}
constexpr bool thread_holds(const RouteConditions& when, std::string_view name) noexcept {
  return when.thread.empty() || glob_matches(when.thread, name);
}
constexpr bool module_holds(const RouteConditions& when, std::string_view path) noexcept {
  return when.module.empty() || path_matches(when.module, path);
}
constexpr bool needs_names(const RouteConditions& when) noexcept {
  return !when.caller.empty() || !when.source.empty();
}

// Whether an earlier rule takes all that `later` could: then that never takes anything.
constexpr bool takes_all_of(const RouteConditions& earlier, const RouteConditions& later) noexcept {
  const auto covers = [](std::string_view a, std::string_view b) { return a.empty() || a == "*" || a == b; };
  return earlier.least_bytes <= later.least_bytes && earlier.most_bytes >= later.most_bytes &&
         earlier.least_alignment <= later.least_alignment && earlier.most_alignment >= later.most_alignment &&
         (later.calls & ~earlier.calls) == 0 && covers(earlier.thread, later.thread) &&
         covers(earlier.module, later.module) && covers(earlier.caller, later.caller) &&
         covers(earlier.source, later.source);
}

// The first rule that leaves nothing for rule i; i itself where it can be reached.
constexpr unsigned hidden_behind(const RouteRules& rules, unsigned i) noexcept {
  unsigned j = 0;
  while (j < i && !takes_all_of(rules.rule[j].when, rules.rule[i].when)) ++j;
  return j;
}

// How reports call rule i: its name; without one its target, with a number where several would be called so.
using RouteName = ShortText<kLongestRouteName + 8>;
constexpr RouteName route_name(const RouteRules& rules, unsigned i) noexcept {
  RouteName name;
  const RouteRule& rule = rules.rule[i];
  if (!rule.name.empty()) return name.text(rule.name);
  unsigned alike = 0;
  unsigned number = 0;
  for (unsigned j = 0; j < rules.count; ++j) {
    const RouteRule& other = rules.rule[j];
    if (other.name == word_of(rule.target)) ++alike;
    if (!other.name.empty() || other.target != rule.target) continue;
    ++alike;
    if (j <= i) ++number;
  }
  name.text(word_of(rule.target));
  if (alike > 1) name.text("#").number(number);
  return name;
}

}  // namespace weir
