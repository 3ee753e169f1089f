// Routing rules for people: their conditions and parameters in the rules' own language, and as a table.
#pragma once

#include <string>
#include <vector>

#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_words.hpp"

namespace weir {

struct ConditionText {
  ConditionKind kind;
  std::string text;  // "size<=256"
};

// What a rule asks for; empty where it takes everything.
std::vector<ConditionText> conditions_of(const RouteConditions& when);

// "arena(capacity=none, chunk=1M, …)" with the defaults filled in.
std::string describe_target(const RouteRule& rule);

// Number, name, conditions, target with parameters; `columns` wide where the rules' own words allow it.
std::string rules_as_table(const RouteRules& rules, std::size_t columns);

}  // namespace weir
