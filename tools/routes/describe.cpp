#include "tools/routes/describe.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "shim/abi/route_matches.hpp"
#include "tools/join.hpp"
#include "tools/options/short_number.hpp"

namespace weir {

namespace {

std::string describe_range(std::string_view key, std::uint64_t least, std::uint64_t most) {
  if (least == most) return fmt::format("{}={}", key, short_number(least));
  if (most == UINT64_MAX) return fmt::format("{}>={}", key, short_number(least));
  if (least == 0) return fmt::format("{}<={}", key, short_number(most));
  return fmt::format("{}={}..{}", key, short_number(least), short_number(most));
}

std::string describe_calls(std::uint8_t calls) {
  std::vector<std::string_view> words;
  for (unsigned i = 0; i < kCallKinds; ++i) {
    if ((calls >> i & 1) != 0) words.push_back(kCallWords[i]);
  }
  return "call=" + join(words, "|");
}

std::string describe_pattern(std::string_view key, std::string_view pattern) {
  const bool quotes = pattern.find_first_of(" ,;()#\t") != std::string_view::npos ||
                      pattern.find("->") != std::string_view::npos;
  return quotes ? fmt::format("{}=\"{}\"", key, pattern) : fmt::format("{}={}", key, pattern);
}

std::string value_of(const RouteParameters& with, ParameterKind kind) {
  switch (kind) {
    case ParameterKind::kCapacity:
      return with.capacity == 0 ? "unlimited" : short_number(with.capacity);
    case ParameterKind::kChunk:
      return short_number(with.chunk == 0 ? kDefaultChunk : with.chunk);
    case ParameterKind::kRetain:
      return short_number(with.retain);
    case ParameterKind::kShared:
      return with.shared ? "1" : "0";
    case ParameterKind::kPrefault:
      return with.prefault ? "1" : "0";
    case ParameterKind::kHuge:
      return with.huge ? "1" : "0";
    case ParameterKind::kFull:
      return std::string(word_of(with.full));
    case ParameterKind::kFile:
      return with.file.empty() ? "none" : std::string(with.file);
    case ParameterKind::kTag:
      return std::string(with.tag);
  }
  return {};
}

std::string join_conditions(const RouteConditions& when) {
  std::string all;
  for (const ConditionText& condition : conditions_of(when)) {
    if (!all.empty()) all += ' ';
    all += condition.text;
  }
  return all.empty() ? "*" : all;
}

// At blanks, so that no line but a single long word is wider than `columns`.
std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    std::string& line = lines.back();
    if (!line.empty() && line.size() + 1 + word.size() > columns) {
      lines.emplace_back(word);
    } else {
      if (!line.empty()) line += ' ';
      line += word;
    }
  }
  return lines;
}

struct TableRow {
  std::string number;
  std::string name;
  std::string takes;
  std::string target;
};

}  // namespace

std::vector<ConditionText> conditions_of(const RouteConditions& when) {
  std::vector<ConditionText> all;
  if (when.least_bytes != 0 || when.most_bytes != UINT64_MAX) {
    all.push_back({ConditionKind::kSize, describe_range("size", when.least_bytes, when.most_bytes)});
  }
  if (when.least_alignment != 0 || when.most_alignment != UINT64_MAX) {
    all.push_back(
        {ConditionKind::kAlign, describe_range("align", when.least_alignment, when.most_alignment)});
  }
  if (when.calls != kAnyCall) all.push_back({ConditionKind::kCall, describe_calls(when.calls)});
  if (!when.thread.empty()) {
    all.push_back({ConditionKind::kThread, describe_pattern("thread", when.thread)});
  }
  if (!when.module.empty()) {
    all.push_back({ConditionKind::kModule, describe_pattern("module", when.module)});
  }
  if (!when.caller.empty()) {
    all.push_back({ConditionKind::kCaller, describe_pattern("caller", when.caller)});
  }
  if (!when.source.empty()) {
    all.push_back({ConditionKind::kSource, describe_pattern("source", when.source)});
  }
  return all;
}

std::string describe_target(const RouteRule& rule) {
  std::vector<std::string> parameters;
  for (unsigned i = 0; i < kParameterKinds; ++i) {
    if ((parameters_of(rule.target) >> i & 1) == 0) continue;
    if (static_cast<ParameterKind>(i) == ParameterKind::kTag && rule.with.tag.empty()) continue;
    parameters.push_back(
        fmt::format("{}={}", kParameterWords[i], value_of(rule.with, static_cast<ParameterKind>(i))));
  }
  const std::string_view word = word_of(rule.target);
  return parameters.empty() ? std::string(word) : fmt::format("{}({})", word, join(parameters, ", "));
}

std::string rules_as_table(const RouteRules& rules, std::size_t columns) {
  constexpr std::size_t kWidestTakes = 32;
  std::vector<TableRow> rows{{"#", "route", "takes", "to"}};
  for (unsigned i = 0; i < rules.count; ++i) {
    rows.push_back({std::to_string(i + 1), std::string(route_name(rules, i).view()),
                    join_conditions(rules.rule[i].when), describe_target(rules.rule[i])});
  }
  std::size_t name = 0;
  std::size_t takes = 0;
  for (const TableRow& row : rows) {
    name = std::max(name, row.name.size());
    takes = std::max(takes, std::min(row.takes.size(), kWidestTakes));
  }
  constexpr std::size_t kNumber = 2;
  constexpr std::size_t kGap = 2;
  const std::size_t before = kNumber + name + takes + 3 * kGap;
  std::string table;
  for (const TableRow& row : rows) {
    const std::vector<std::string> conditions = wrapped(row.takes, takes);
    const std::vector<std::string> target =
        wrapped(row.target, std::max<std::size_t>(columns, before + 24) - before);
    for (std::size_t line = 0; line < std::max(conditions.size(), target.size()); ++line) {
      std::string text = fmt::format(
          "{:>2}  {:{}}  {:{}}  {}", line == 0 ? row.number : "", line == 0 ? row.name : "", name,
          line < conditions.size() ? conditions[line] : "", takes, line < target.size() ? target[line] : "");
      text.erase(text.find_last_not_of(' ') + 1);
      table.append(text) += '\n';
    }
  }
  return table;
}

}  // namespace weir
