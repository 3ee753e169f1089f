// Asks the tool where in the modules the rules' caller= and source= conditions hold.
//
// One thread at a time (the caller's lock). No malloc; a start of the tool takes some ten milliseconds and
// more with much debug information.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_sites.hpp"

namespace weir {

// One module in question, and the answer: ranges that stay.
struct SiteQuestion {
  unsigned module;  // its number in `modules`
  RuleMask rules;
  const SiteRange* ranges;
  std::uint64_t count;
};

// Answers all questions. nullptr, or why it could not: then no question has an answer.
const char* ask_for_sites(const RouteRules& rules, SiteQuestion* questions, unsigned count) noexcept;

// The path of a module, of the main program too.
std::string_view path_of_module(unsigned number) noexcept;

}  // namespace weir
