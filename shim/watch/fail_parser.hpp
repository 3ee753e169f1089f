// The language of option fail=: text into FailRules.
//
//   rules   rule { ';' rule }
//   rule    term { (blank | ',' | '&&') term }
//   term    a condition of WEIR_ROUTES (size, align, call, thread, module, caller, source), or
//           nth '=' N | every '=' N | chance '=' (0.001 | 1/1000) | seed '=' N | times '=' (N | always) |
//           after '=' N (s | ms) | stack '=' HEX { ',' HEX }
//
// Of nth, every and chance one may stand in a rule. A rule with a mistake is left out and the others stay.
// Allocates nothing, no libc, no exceptions: the library parses inside the first allocation of the process.
// The rules hold views into the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/abi/route_condition_parser.hpp"
#include "shim/abi/route_mistake.hpp"
#include "shim/abi/route_split.hpp"
#include "shim/watch/fail_rules.hpp"

namespace weir {

// Reads one rule, text_[at_, end_).
class FailRuleParser : public RouteConditionParser {
 public:
  FailRuleParser(std::string_view text, std::size_t from, std::size_t to) noexcept
      : RouteConditionParser(text, from, to) {
    and_joins_ = true;
  }

  // False where the rule is of no use; mistake() tells why.
  bool parse(FailRule& rule, RouteConditions& when) noexcept {
    rule = {};
    when = {};
    rule.text = mistake_.rule;
    while (skip_joints()) {
      if (!take_term(rule, when)) return false;
      if (!done() && !at_blank() && !at_and() && peek() != ',') {
        return fail(at_, at_ + 1, "terms are separated by a blank or '&&'");
      }
    }
    if (given_ == 0) return fail(at_, at_, "a term is missing, as in nth=3 or size>=4K");
    if (rule.has_seed && rule.choice != FailChoice::kChance) {
      return fail(at_, at_, "'seed' is for 'chance', which is missing");
    }
    if (!has(kTimes)) rule.times = rule.choice == FailChoice::kNth ? 1 : UINT64_MAX;
    return true;
  }

  bool refuse_number() noexcept { return fail(at_, end_, "there are more than 32 rules"); }

 private:
  enum Term : unsigned { kNth, kEvery, kChance, kSeed, kTimes, kAfter, kStack, kOwnTerms };
  static constexpr std::string_view kTerms[] = {"nth",    "every",  "chance", "seed",  "times",
                                                "after",  "stack",  "size",   "align", "thread",
                                                "module", "caller", "source", "call"};
  static_assert(sizeof kTerms / sizeof kTerms[0] == kOwnTerms + kConditionKinds);

  bool has(unsigned term) const noexcept { return (given_ >> term & 1) != 0; }

  // False at the end.
  bool skip_joints() noexcept {
    while (at_blank() || at_and() || peek() == ',') at_ += at_and() ? 2 : 1;
    return !done();
  }

  bool take_term(FailRule& rule, RouteConditions& when) noexcept {
    const std::size_t from = at_;
    const std::size_t place = place_in(kTerms, take_word());
    if (place == sizeof kTerms / sizeof kTerms[0]) {
      at_ = from;
      take_anything();
      return fail_word(from, "term of fail", kTerms);
    }
    const auto term = static_cast<unsigned>(place);
    if (term >= kOwnTerms) {
      given_ |= 1u << term;
      return take_condition_of(static_cast<ConditionKind>(term - kOwnTerms), from, when);
    }
    const std::string_view key = since(from);
    skip_blanks();
    if (!skip('=')) return fail(from, at_, "'", key, "' needs '=' and ", kRanges[term]);
    skip_blanks();
    if (has(term)) return fail(from, at_, "'", key, "' stands here twice");
    given_ |= 1u << term;
    if (term <= kChance && (given_ & 7u & ~(1u << term)) != 0) {
      return fail(from, at_, "of 'nth', 'every' and 'chance' only one can stand in a rule");
    }
    if (term == kStack) return take_stacks(rule);
    const std::size_t value_at = at_;
    while (!done() && (is_letter(text_[at_]) || peek() == '.' || peek() == '/')) ++at_;
    const std::string_view value = since(value_at);
    if (assign(rule, static_cast<Term>(term), value)) return true;
    return fail(value_at, at_, "'", key, "' cannot be '", cut(value), "', it takes ", kRanges[term]);
  }

  static constexpr std::string_view kRanges[kOwnTerms] = {"a number from 1 on",
                                                          "a number from 1 on",
                                                          "more than 0 and up to 1, as in 0.001 or 1/1000",
                                                          "a number",
                                                          "a number from 1 on, or always",
                                                          "a time, as in 2s or 500ms",
                                                          "hashes of stacks, as in 0f3a6b1c22d4e587"};

  static bool assign(FailRule& rule, Term term, std::string_view value) noexcept {
    switch (term) {
      case kNth:
        rule.choice = FailChoice::kNth;
        return read_number(value, rule.number) && rule.number != 0;
      case kEvery:
        rule.choice = FailChoice::kEvery;
        return read_number(value, rule.number) && rule.number != 0;
      case kChance:
        rule.choice = FailChoice::kChance;
        return read_chance(value, rule.number);
      case kSeed:
        rule.has_seed = true;
        return read_number(value, rule.seed);
      case kTimes:
        rule.times = UINT64_MAX;
        return value == "always" || (read_number(value, rule.times) && rule.times != 0);
      case kAfter:
        return read_time(value, rule.after_ns);
      default:
        return false;
    }
  }

  // 0.001 or 1/1000, as a part of 2^64.
  static bool read_chance(std::string_view value, std::uint64_t& chance) noexcept {
    constexpr std::size_t kMostDigits = 19;
    std::uint64_t part = 0;
    std::uint64_t whole = 1;
    const std::size_t slash = value.find('/');
    if (slash != value.npos) {
      if (!read_number(value.substr(0, slash), part) || !read_number(value.substr(slash + 1), whole)) {
        return false;
      }
    } else {
      bool fraction = false;
      unsigned digits = 0;
      for (const char c : value) {
        if (c == '.' && !fraction) {
          fraction = true;
        } else if (c >= '0' && c <= '9' && digits++ < kMostDigits) {
          part = part * 10 + static_cast<unsigned>(c - '0');
          whole *= fraction ? 10 : 1;
        } else {
          return false;
        }
      }
    }
    if (part == 0 || part > whole) return false;
    __extension__ using Wide = unsigned __int128;
    const Wide scaled = (static_cast<Wide>(part) << 64) / whole;
    chance = scaled > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(scaled);
    if (chance == 0) chance = 1;
    return true;
  }

  static bool read_time(std::string_view value, std::uint64_t& ns) noexcept {
    constexpr std::uint64_t kMostMilliseconds = std::uint64_t{1} << 40;
    std::uint64_t unit = 1000;
    if (value.ends_with("ms")) {
      unit = 1;
      value.remove_suffix(1);
    }
    if (!value.ends_with('s') && unit == 1000) return false;
    value.remove_suffix(1);
    std::uint64_t count = 0;
    if (value.empty() || value.back() > '9' || !read_number(value, count)) return false;
    if (count > kMostMilliseconds) return false;
    ns = count * unit * 1'000'000u;
    return true;
  }

  bool take_stacks(FailRule& rule) noexcept {
    do {
      const std::size_t from = at_;
      const std::string_view word = take_word();
      std::uint64_t hash = 0;
      bool right = !word.empty() && word.size() <= 16;
      for (const char c : word) {
        const unsigned digit = hex_digit(c);
        right = right && digit < 16;
        hash = hash << 4 | (digit & 15);
      }
      if (!right) {
        return fail(from, at_, "'", cut(word), "' is no stack; 'stack' takes ", kRanges[kStack]);
      }
      if (rule.stack_count == kMostFailStacks) return fail(from, at_, "there are more than 16 stacks");
      rule.stack[rule.stack_count++] = hash;
    } while (another_stack());
    return true;
  }

  // A comma, and no new term behind it.
  bool another_stack() noexcept {
    const std::size_t from = at_;
    if (!skip(',')) return false;
    const std::size_t word_at = at_;
    take_word();
    const bool term = peek() == '=' || peek() == '<' || peek() == '>' || at_ == word_at;
    at_ = term ? from : word_at;
    return !term;
  }

  static constexpr unsigned hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return 16;
  }

  unsigned given_ = 0;
};

// Reads all rules; calls `on_mistake(const RouteMistake&)` for each that is left out. How many those are.
template <typename OnMistake>
unsigned parse_fail(std::string_view text, FailRules& rules, OnMistake&& on_mistake) noexcept {
  unsigned mistakes = 0;
  rules.when.count = 0;
  for_each_rule(text, [&](std::size_t from, std::size_t to) noexcept {
    FailRuleParser parser(text, from, to);
    FailRule rule;
    RouteRule where;
    if (parser.parse(rule, where.when) && (rules.count() < kMostRules || parser.refuse_number())) {
      where.text = rule.text;
      rules.rule[rules.count()] = rule;
      rules.when.rule[rules.when.count++] = where;
    } else {
      on_mistake(parser.mistake());
      ++mistakes;
    }
  });
  return mistakes;
}

}  // namespace weir
