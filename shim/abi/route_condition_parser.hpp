// Reads one condition on a request, as in size<=256 or module=libfoo*: for the rules of WEIR_ROUTES and for
// every option that says which requests it is about. The grammar is route_parser.hpp's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/abi/glob.hpp"
#include "shim/abi/near_word.hpp"
#include "shim/abi/option_values.hpp"
#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_scanner.hpp"
#include "shim/abi/route_words.hpp"

namespace weir {

class RouteConditionParser : public RouteScanner {
 public:
  using RouteScanner::RouteScanner;

 protected:
  bool take_condition(RouteConditions& when) noexcept {
    const std::size_t from = at_;
    const std::size_t kind = place_in(kConditionWords, take_word());
    if (kind == kConditionKinds) {
      at_ = from;
      take_anything();
      return fail_word(from, "condition", kConditionWords);
    }
    return take_condition_of(static_cast<ConditionKind>(kind), from, when);
  }

  // The same from the sign on: the word that says which, from `from` on, is read.
  bool take_condition_of(ConditionKind kind, std::size_t from, RouteConditions& when) noexcept {
    const std::string_view key = since(from);
    skip_blanks();
    const std::size_t sign_at = at_;
    while (peek() == '<' || peek() == '>' || peek() == '=' || peek() == '!' || peek() == '~') ++at_;
    const std::string_view sign = since(sign_at);
    skip_blanks();
    switch (kind) {
      case ConditionKind::kSize:
        return take_range(from, key, sign, when.least_bytes, when.most_bytes);
      case ConditionKind::kAlign:
        return take_range(from, key, sign, when.least_alignment, when.most_alignment);
      case ConditionKind::kThread:
        return take_pattern(from, key, sign, when.thread);
      case ConditionKind::kModule:
        return take_pattern(from, key, sign, when.module);
      case ConditionKind::kCaller:
        return take_pattern(from, key, sign, when.caller);
      case ConditionKind::kSource:
        return take_pattern(from, key, sign, when.source);
      case ConditionKind::kCall:
        return take_calls(from, key, sign, when.calls);
    }
    return false;
  }

 private:
  bool take_number(std::size_t from, std::string_view text, std::uint64_t& number) noexcept {
    if (read_number(text, number) && number <= kMostConditionBytes) return true;
    if (text.empty()) return fail(from, from, "a number is missing: ", kConditionRange);
    return fail(from, from + text.size(), "'", cut(text), "' is no number that fits: ", kConditionRange);
  }

  // A comparison narrows what earlier ones of the same rule have left.
  bool take_range(std::size_t key_at, std::string_view key, std::string_view sign, std::uint64_t& least,
                  std::uint64_t& most) noexcept {
    constexpr std::string_view kSigns[] = {"<=", "<", ">=", ">", "="};
    const std::size_t kind = place_in(kSigns, sign);
    if (kind == sizeof kSigns / sizeof kSigns[0]) {
      return fail(key_at, at_, "'", key, "' needs <=, <, >=, > or =, as in ", key, "<=256");
    }
    const std::size_t from = at_;
    while (!done() && (is_letter(text_[at_]) || text_[at_] == '.')) ++at_;
    const std::string_view value = since(from);
    const std::size_t dots = sign == "=" ? value.find("..") : value.npos;
    std::uint64_t low = 0;
    if (!take_number(from, value.substr(0, dots), low)) return false;
    std::uint64_t high = low;
    if (dots != value.npos && !take_number(from + dots + 2, value.substr(dots + 2), high)) return false;
    if (sign == "<" && low == 0) return fail(key_at, at_, "nothing is less than 0");
    if (sign == "<") high = low - 1;
    if (sign == ">") ++low;
    if (sign.starts_with('<')) low = 0;
    if (sign.starts_with('>')) high = UINT64_MAX;
    if (low > least) least = low;
    if (high < most) most = high;
    return least <= most || fail(key_at, at_, "no request can have such a ", key);
  }

  bool take_pattern(std::size_t key_at, std::string_view key, std::string_view sign,
                    std::string_view& pattern) noexcept {
    if (sign != "=") {
      return fail(key_at, at_, "'", key, "' needs '=' and a pattern, as in ", key, "=parse_*");
    }
    const bool twice = !pattern.empty();
    const std::size_t from = at_;
    if (!take_value(pattern)) return false;
    if (twice) return fail(key_at, at_, "'", key, "' stands here twice; '|' separates alternatives");
    if (peek() == '(' || peek() == ')' || peek() == '"') {
      return fail(from, at_ + 1, "a pattern with ", std::string_view(&text_[at_], 1),
                  " in it stands in quotes");
    }
    const bool no_text = pattern.empty() || pattern.front() == '|' || pattern.back() == '|';
    if (no_text || pattern.find("||") != pattern.npos) {
      return fail(from, at_, "'", key, "' needs a pattern; '*' is any text, '?' one letter");
    }
    return true;
  }

  bool take_calls(std::size_t key_at, std::string_view key, std::string_view sign,
                  std::uint8_t& calls) noexcept {
    if (calls != kAnyCall) return fail(key_at, at_, "'call' stands here twice; '|' separates alternatives");
    const std::size_t from = at_;
    std::string_view pattern;
    if (!take_pattern(key_at, key, sign, pattern)) return false;
    calls = 0;
    while (!pattern.empty()) {
      const std::string_view one = take_alternative(pattern);
      const std::uint8_t before = calls;
      for (unsigned i = 0; i < kCallKinds; ++i) {
        if (one_glob_matches(one, kCallWords[i])) calls |= static_cast<std::uint8_t>(1u << i);
      }
      if (calls == before) {
        return fail(from, at_, "'", cut(one), "' is no call, or one twice; the nearest is '",
                    nearest_word(one, kCallWords), "'");
      }
    }
    return true;
  }
};

}  // namespace weir
