// The value of option limit=: text into LimitRules. docs/LIMITS.md has the language for people.
//
//   limits     limit { (';' | newline) limit }
//   limit      { term (blank | ',' | '&&') } [ '->' action ]       one term says what is limited
//   term       condition, as in WEIR_ROUTES | 'route' '=' pattern | '*'
//              | ('live' | 'request' | 'rss') '<=' number
//   action     'fail' | 'report' | 'abort'
//
// A limit with a mistake is left out and the others stay. Allocates nothing, no libc, no exceptions: it is
// read inside the first allocation of the process. The rules hold views into the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/abi/option_values.hpp"
#include "shim/abi/route_condition_parser.hpp"
#include "shim/abi/route_mistake.hpp"
#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_split.hpp"

namespace weir {

// What is limited: bytes of the blocks that the program holds, of one request, of the process's memory.
enum class LimitKind : std::uint8_t { kLive, kRequest, kRss };
enum class LimitAction : std::uint8_t { kFail, kReport, kAbort };

inline constexpr std::string_view kLimitWords[] = {"live", "request", "rss"};
inline constexpr std::string_view kLimitActionWords[] = {"fail", "report", "abort"};
inline constexpr unsigned kMostLimits = 16;

struct LimitRule {
  std::string_view text;   // as written, without blanks around it
  std::string_view route;  // a pattern of names of WEIR_ROUTES' rules; empty for all
  LimitKind kind = LimitKind::kLive;
  LimitAction action = LimitAction::kFail;
  std::uint64_t bytes = 0;
};

// The conditions of WEIR_ROUTES of each limit are in `when.rule[i].when`, where call_sites wants them.
struct LimitRules {
  RouteRules when;
  LimitRule rule[kMostLimits];

  unsigned count() const noexcept { return when.count; }
};

// Reads one limit, text_[at_, end_).
class LimitRuleParser : public RouteConditionParser {
 public:
  LimitRuleParser(std::string_view text, std::size_t from, std::size_t to) noexcept
      : RouteConditionParser(text, from, to) {
    and_joins_ = true;
  }

  // False where `rule` is of no use; mistake() tells why.
  bool parse(LimitRule& rule, RouteConditions& when) noexcept {
    rule = {};
    when = {};
    rule.text = mistake_.rule;
    bool given = false;
    for (;;) {
      while (at_blank() || peek() == ',') ++at_;
      if (at_and()) {
        at_ += 2;
        continue;
      }
      if (done() || at_arrow()) break;
      if (!take_term(rule, when, given)) return false;
    }
    if (!given) {
      return fail(at_, at_, "what is limited is missing: live<=SIZE, request<=SIZE or rss<=SIZE");
    }
    return done() || take_action(rule);
  }

  bool refuse_number() noexcept { return fail(at_, end_, "there are more than 16 limits"); }

 private:
  bool take_term(LimitRule& rule, RouteConditions& when, bool& given) noexcept {
    if (skip('*')) return true;
    const std::size_t from = at_;
    const std::string_view word = take_word();
    const std::size_t kind = place_in(kLimitWords, word);
    if (kind < std::size(kLimitWords)) {
      if (given) return fail(from, at_, "a limit has one of live, request and rss; ';' begins another limit");
      given = true;
      rule.kind = static_cast<LimitKind>(kind);
      return take_size(from, word, rule.bytes);
    }
    if (word == "route") return take_route(from, rule.route);
    const std::size_t condition = place_in(kConditionWords, word);
    if (condition < kConditionKinds) {
      return take_condition_of(static_cast<ConditionKind>(condition), from, when);
    }
    at_ = from;
    take_anything();
    constexpr std::string_view kTerms[] = {"live",   "request", "rss",    "route",  "size", "align",
                                           "thread", "module",  "caller", "source", "call"};
    return fail_word(from, "limit or condition", kTerms);
  }

  bool take_size(std::size_t from, std::string_view word, std::uint64_t& bytes) noexcept {
    skip_blanks();
    if (!skip('<') || !skip('=')) {
      return fail(from, at_, "'", word, "' needs <= and a size, as in ", word, "<=64M");
    }
    skip_blanks();
    const std::size_t at = at_;
    const std::string_view value = take_word();
    if (read_number(value, bytes) && bytes <= kMostConditionBytes) return true;
    if (value.empty()) return fail(at, at, "a size is missing: ", kConditionRange);
    return fail(at, at_, "'", cut(value), "' is no size that fits: ", kConditionRange);
  }

  bool take_route(std::size_t from, std::string_view& route) noexcept {
    if (!route.empty()) return fail(from, at_, "'route' stands here twice; '|' separates alternatives");
    skip_blanks();
    if (!skip('=')) return fail(from, at_, "'route' needs '=' and the name of a rule of WEIR_ROUTES");
    skip_blanks();
    if (!take_value(route)) return false;
    return !route.empty() || fail(from, at_, "'route' needs the name of a rule of WEIR_ROUTES");
  }

  bool take_action(LimitRule& rule) noexcept {
    at_ += 2;  // the arrow
    skip_blanks();
    const std::size_t from = at_;
    const std::size_t action = place_in(kLimitActionWords, take_word());
    if (done() && at_ == from) return fail(at_, at_, "an action is missing: fail, report or abort");
    if (action == std::size(kLimitActionWords)) {
      at_ = from;
      take_anything();
      return fail_word(from, "action", kLimitActionWords);
    }
    rule.action = static_cast<LimitAction>(action);
    skip_blanks();
    return done() || fail(at_, end_, "nothing more can stand behind the action; ';' ends a limit");
  }
};

// Reads all limits; calls `on_mistake(const RouteMistake&)` for each that is left out. How many those are.
template <typename OnMistake>
unsigned parse_limits(std::string_view text, LimitRules& rules, OnMistake&& on_mistake) noexcept {
  unsigned mistakes = 0;
  unsigned& count = rules.when.count;
  count = 0;
  for_each_rule(text, [&](std::size_t from, std::size_t to) noexcept {
    LimitRuleParser parser(text, from, to);
    LimitRule rule;
    RouteConditions when;
    if (parser.parse(rule, when) && (count < kMostLimits || parser.refuse_number())) {
      rules.when.rule[count].when = when;
      rules.rule[count++] = rule;
    } else {
      on_mistake(parser.mistake());
      ++mistakes;
    }
  });
  return mistakes;
}

}  // namespace weir
