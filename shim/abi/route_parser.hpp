// The language of WEIR_ROUTES: text into RouteRules. docs/ROUTES.md has the grammar for people.
//
//   rules       rule { (';' | newline) rule }      '#' at the start of a word: a comment to the line's end
//   rule        [name ':'] conditions '->' target ['(' [parameter {',' parameter}] ')']
//   conditions  '*' | condition {(blank | ',') condition}
//   condition   (size | align) ('<=' | '<' | '>=' | '>' | '=') number, or = number '..' number
//               (thread | module | caller | source | call) '=' pattern
//   pattern     glob {'|' glob}, or that in double quotes: then it may hold blanks , ; ( ) -> #
//
// A rule with a mistake is left out and the others stay. Allocates nothing, no libc, no exceptions: the
// library parses inside the first allocation of the process. The rules hold views into the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/abi/route_matches.hpp"
#include "shim/abi/route_mistake.hpp"
#include "shim/abi/route_rule_parser.hpp"
#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_split.hpp"

namespace weir {

// Reads all rules; calls `on_mistake(const RouteMistake&)` for each that is left out. How many those are.
template <typename OnMistake>
unsigned parse_routes(std::string_view text, RouteRules& rules, OnMistake&& on_mistake) noexcept {
  unsigned mistakes = 0;
  rules.count = 0;
  for_each_rule(text, [&](std::size_t from, std::size_t to) noexcept {
    RouteRuleParser parser(text, from, to);
    RouteRule rule;
    if (parser.parse(rule, rules) && (rules.count < kMostRules || parser.refuse_number())) {
      rules.rule[rules.count++] = rule;
    } else {
      on_mistake(parser.mistake());
      ++mistakes;
    }
  });
  return mistakes;
}

// The same; the first mistake, which is false where there is none.
inline RouteMistake parse_routes(std::string_view text, RouteRules& rules) noexcept {
  RouteMistake first;
  parse_routes(text, rules, [&](const RouteMistake& mistake) noexcept {
    if (!first) first = mistake;
  });
  return first;
}

}  // namespace weir
