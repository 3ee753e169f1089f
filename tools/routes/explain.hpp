// Which route a request takes, and why the rules before it do not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shim/abi/route_rules.hpp"

namespace weir {

// What is known of a request; conditions on the rest cannot be decided.
struct RouteQuestion {
  std::optional<std::uint64_t> size = {};
  std::optional<std::uint64_t> alignment = {};
  std::optional<std::string> thread = {};
  std::optional<std::string> module = {};
  std::optional<std::string> caller = {};
  std::optional<std::string> source = {};
  std::optional<CallKind> call = {};

  bool asks() const { return size || alignment || thread || module || caller || source || call; }
};

// A line for each rule up to the one that takes the request, then one with the answer.
std::string explain_route(const RouteRules& rules, const RouteQuestion& question);

}  // namespace weir
