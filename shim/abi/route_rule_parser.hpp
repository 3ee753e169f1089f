// Reads one rule of WEIR_ROUTES; the grammar is route_parser.hpp's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "shim/abi/option_values.hpp"
#include "shim/abi/route_condition_parser.hpp"
#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_words.hpp"

namespace weir {

// Reads one rule, text_[at_, end_).
class RouteRuleParser : public RouteConditionParser {
 public:
  using RouteConditionParser::RouteConditionParser;

  // False where `rule` is of no use; mistake() tells why.
  bool parse(RouteRule& rule, const RouteRules& before) noexcept {
    rule = {};
    rule.text = mistake_.rule;
    return take_name(rule, before) && take_conditions(rule.when) && take_target(rule);
  }

  bool refuse_number() noexcept { return fail(at_, end_, "there are more than 32 rules"); }

 private:
  // [name ':']; a name is a word of its own, so that a colon in a pattern is none.
  bool take_name(RouteRule& rule, const RouteRules& before) noexcept {
    const std::size_t from = at_;
    while (!done() && is_of_name(text_[at_]) && !at_arrow()) ++at_;
    const std::string_view name = since(from);
    const std::size_t to = at_;
    skip_blanks();
    if (!skip(':')) {
      at_ = from;
      return true;
    }
    if (name.empty()) return fail(from, to, "a name has letters, digits, '_', '-' and '.'");
    if (name.size() > kLongestRouteName) return fail(from, to, "a name has at most 31 letters");
    for (unsigned i = 0; i < before.count; ++i) {
      if (before.rule[i].name == name) {
        return fail(from, to, "the name '", name, "' is another rule's already");
      }
    }
    rule.name = name;
    return true;
  }

  bool take_conditions(RouteConditions& when) noexcept {
    skip_blanks();
    if (done() || at_arrow()) return fail(at_, at_ + 1, "no condition before '->'; '*' takes everything");
    const std::size_t from = at_;
    if (skip('*')) {
      skip_blanks();
      if (at_arrow()) return true;
      if (done()) return fail(at_, at_, "'->' and a target are missing");
      return fail(from, from + 1, "'*' takes everything, so it stands alone");
    }
    for (;;) {
      while (at_blank() || peek() == ',') ++at_;
      if (at_arrow()) return true;
      if (done()) return fail(at_, at_, "'->' and a target are missing");
      if (!take_condition(when)) return false;
    }
  }

  bool take_target(RouteRule& rule) noexcept {
    at_ += 2;  // the arrow
    skip_blanks();
    const std::size_t from = at_;
    if (done()) return fail(at_, at_, "a target is missing: pool, arena, fixed, page or parent");
    const std::size_t kind = place_in(kTargetWords, take_word());
    if (kind == sizeof kTargetWords / sizeof kTargetWords[0]) {
      at_ = from;
      take_anything();
      return fail_word(from, "target", kTargetWords);
    }
    const std::size_t to = at_;
    rule.target = static_cast<RouteTarget>(kind);
    skip_blanks();
    unsigned given = 0;
    if (peek() == '(' && !take_parameters(rule, given)) return false;
    skip_blanks();
    if (!done()) return fail(at_, end_, "nothing more can stand behind the target; ';' ends a rule");
    if (rule.target == RouteTarget::kFixed && (given & parameter_bit(ParameterKind::kCapacity)) == 0) {
      return fail(from, to, "fixed needs a capacity, as in fixed(capacity=1M)");
    }
    if (rule.target == RouteTarget::kFixed && rule.with.capacity > kMostFixedCapacity) {
      return fail(from, end_, "a fixed buffer has at most 2G");
    }
    if (!rule.with.file.empty() && !rule.with.shared) {
      return fail(from, end_, "a buffer on a file is one for all threads: add 'shared'");
    }
    return true;
  }

  bool take_parameters(RouteRule& rule, unsigned& given) noexcept {
    const std::size_t open = at_++;
    for (;;) {
      while (at_blank() || peek() == ',') ++at_;
      if (skip(')')) return true;
      if (done()) return fail(open, open, "')' is missing");
      if (!take_parameter(rule, given)) return false;
      skip_blanks();
      if (!done() && peek() != ',' && peek() != ')') {
        return fail(at_, at_, "parameters are separated by ','");
      }
    }
  }

  bool take_parameter(RouteRule& rule, unsigned& given) noexcept {
    const std::size_t from = at_;
    const std::size_t place = place_in(kParameterWords, take_word());
    if (place == kParameterKinds) {
      at_ = from;
      take_anything();
      return fail_word(from, "parameter", kParameterWords);
    }
    const auto kind = static_cast<ParameterKind>(place);
    const std::string_view key = since(from);
    if ((parameters_of(rule.target) & parameter_bit(kind)) == 0)
      return fail_unknown_to(rule.target, from, key);
    if ((given & parameter_bit(kind)) != 0) return fail(from, at_, "'", key, "' stands here twice");
    given |= parameter_bit(kind);
    skip_blanks();
    const bool is_flag =
        kind == ParameterKind::kShared || kind == ParameterKind::kPrefault || kind == ParameterKind::kHuge;
    std::string_view value;
    if (skip('=')) {
      skip_blanks();
      if (!take_value(value)) return false;
    } else if (is_flag) {
      value = "1";
    }
    if (assign(rule.with, kind, value)) return true;
    return fail(from, at_, "'", key, "' cannot be '", cut(value), "', it takes ", kParameterRanges[place]);
  }

  bool fail_unknown_to(RouteTarget target, std::size_t from, std::string_view key) noexcept {
    fail(from, at_, "'", key, "' is not for ", word_of(target), ", which takes ");
    std::string_view between;
    for (unsigned i = 0; i < kParameterKinds; ++i) {
      if ((parameters_of(target) >> i & 1) == 0) continue;
      mistake_.message.text(between).text(kParameterWords[i]);
      between = ", ";
    }
    if (between.empty()) mistake_.message.text("no parameters");
    return false;
  }

  static bool assign(RouteParameters& with, ParameterKind kind, std::string_view value) noexcept {
    switch (kind) {
      case ParameterKind::kCapacity:
        return read_number(value, with.capacity) && with.capacity >= 1 && with.capacity <= kMostCapacity;
      case ParameterKind::kChunk:
        return read_number(value, with.chunk) && with.chunk >= kLeastChunk && with.chunk <= kMostChunk &&
               (with.chunk & (with.chunk - 1)) == 0;
      case ParameterKind::kRetain:
        return with.has_retain = read_number(value, with.retain) && with.retain <= kMostCapacity;
      case ParameterKind::kShared:
        return read_flag(value, with.shared);
      case ParameterKind::kPrefault:
        return read_flag(value, with.prefault);
      case ParameterKind::kHuge:
        return read_flag(value, with.huge);
      case ParameterKind::kFull: {
        const std::size_t word = place_in(kFullWords, value);
        with.full = static_cast<WhenFull>(word);
        return word < sizeof kFullWords / sizeof kFullWords[0];
      }
      case ParameterKind::kFile:
        with.file = value;
        return !value.empty();
      case ParameterKind::kTag:
        with.tag = value;
        return !value.empty() && value.size() <= kLongestTag;
    }
    return false;
  }
};

}  // namespace weir
