// The value of option log=: conditions of WEIR_ROUTES, and with ';' other conditions; a call that fulfils any
// of them is logged. '*' is every call.
//
//   rules   rule { ';' rule }
//   rule    '*' | condition { (blank | ',' | '&&') condition }
//
// What has a mistake is left out and the others stay. Allocates nothing, no libc, no exceptions. The rules
// hold views into the text.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/abi/route_condition_parser.hpp"
#include "shim/abi/route_mistake.hpp"
#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_split.hpp"

namespace weir {

// Reads one rule, text_[at_, end_).
class LogRuleParser : public RouteConditionParser {
 public:
  LogRuleParser(std::string_view text, std::size_t from, std::size_t to) noexcept
      : RouteConditionParser(text, from, to) {
    and_joins_ = true;
  }

  // False where the rule is of no use; mistake() tells why.
  bool parse(RouteConditions& when) noexcept {
    when = {};
    while (skip_joints()) {
      const std::size_t from = at_;
      if (at_arrow()) return fail(from, at_ + 2, "conditions of log= lead nowhere: '->' is for rules");
      if (skip('*')) {
        if (done() || at_blank() || at_and() || peek() == ',') continue;
        return fail(from, end_, "'*' is every call, and stands alone");
      }
      if (!take_condition(when)) return false;
    }
    return true;
  }

  bool refuse_number() noexcept { return fail(at_, end_, "there are more than 32 sets of conditions"); }

 private:
  // False at the end.
  bool skip_joints() noexcept {
    while (at_blank() || at_and() || peek() == ',') at_ += at_and() ? 2 : 1;
    return !done();
  }
};

// Calls `on_mistake(const RouteMistake&)` for each rule that is left out. How many those are.
template <typename OnMistake>
unsigned parse_log_rules(std::string_view text, RouteRules& rules, OnMistake&& on_mistake) noexcept {
  unsigned mistakes = 0;
  rules.count = 0;
  for_each_rule(text, [&](std::size_t from, std::size_t to) noexcept {
    LogRuleParser parser(text, from, to);
    RouteConditions when;
    if (parser.parse(when) && (rules.count < kMostRules || parser.refuse_number())) {
      rules.rule[rules.count++].when = when;
    } else {
      on_mistake(parser.mistake());
      ++mistakes;
    }
  });
  return mistakes;
}

}  // namespace weir
