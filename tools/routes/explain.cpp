#include "tools/routes/explain.hpp"

#include <fmt/core.h>

#include <iterator>
#include <vector>

#include "shim/abi/route_matches.hpp"
#include "tools/join.hpp"
#include "tools/routes/describe.hpp"
#include "tools/routes/function_names.hpp"

namespace weir {

namespace {

enum class Answer { kHolds, kFails, kDepends };

template <typename T, typename Holds>
Answer ask(const std::optional<T>& known, Holds&& holds) {
  if (!known) return Answer::kDepends;
  return holds(*known) ? Answer::kHolds : Answer::kFails;
}

// A call without an alignment asks for 16: what malloc and new give.
constexpr std::uint64_t kUsualAlignment = 16;

Answer ask_condition(ConditionKind kind, const RouteConditions& when, const RouteQuestion& question) {
  switch (kind) {
    case ConditionKind::kSize:
      return ask(question.size, [&](std::uint64_t bytes) { return size_holds(when, bytes); });
    case ConditionKind::kAlign:
      return alignment_holds(when, question.alignment.value_or(kUsualAlignment)) ? Answer::kHolds
                                                                                 : Answer::kFails;
    case ConditionKind::kThread:
      return ask(question.thread, [&](const std::string& name) { return thread_holds(when, name); });
    case ConditionKind::kModule:
      return ask(question.module, [&](const std::string& path) { return module_holds(when, path); });
    case ConditionKind::kCaller:
      return ask(question.caller,
                 [&](const std::string& name) { return matches_any(when.caller, function_names(name)); });
    case ConditionKind::kSource:
      return ask(question.source, [&](const std::string& path) { return path_matches(when.source, path); });
    case ConditionKind::kCall:
      return ask(question.call, [&](CallKind call) { return call_holds(when, call); });
  }
  return Answer::kDepends;
}

struct Judgement {
  Answer answer = Answer::kHolds;
  std::vector<std::string> reasons;  // the conditions that fail, else those that depend
};

Judgement judge(const RouteConditions& when, const RouteQuestion& question) {
  Judgement fails{Answer::kFails, {}};
  Judgement depends{Answer::kDepends, {}};
  for (const ConditionText& condition : conditions_of(when)) {
    const Answer answer = ask_condition(condition.kind, when, question);
    if (answer == Answer::kFails) fails.reasons.push_back(condition.text);
    if (answer == Answer::kDepends) depends.reasons.push_back(condition.text);
  }
  if (!fails.reasons.empty()) return fails;
  if (!depends.reasons.empty()) return depends;
  return {};
}

std::string words_of(const Judgement& judgement) {
  const std::string reasons = join(judgement.reasons, ", ");
  switch (judgement.answer) {
    case Answer::kHolds:
      return "takes it";
    case Answer::kFails:
      return fmt::format("no: {} {} not hold", reasons, judgement.reasons.size() == 1 ? "does" : "do");
    case Answer::kDepends:
      return fmt::format("depends on {}", reasons);
  }
  return {};
}

}  // namespace

std::string explain_route(const RouteRules& rules, const RouteQuestion& question) {
  std::string text;
  std::vector<std::string> open;  // rules that may take it
  const auto put = [&]<typename... A>(fmt::format_string<A...> format, A&&... arguments) {
    fmt::format_to(std::back_inserter(text), format, std::forward<A>(arguments)...);
  };
  bool taken_by_pool = false;
  std::string taker = "the parent, because no rule takes it";
  for (unsigned i = 0; i < rules.count; ++i) {
    const std::string name = fmt::format("rule {} ({})", i + 1, route_name(rules, i).view());
    const Judgement judgement = judge(rules.rule[i].when, question);
    put("{}: {}\n", name, words_of(judgement));
    if (judgement.answer == Answer::kDepends) open.push_back(name);
    if (judgement.answer == Answer::kHolds) {
      taker = fmt::format("{} by {}", word_of(rules.rule[i].target), name);
      taken_by_pool = rules.rule[i].target == RouteTarget::kPool;
      break;
    }
  }
  put("It goes to {}", taker);
  if (!open.empty()) put(", unless {} takes it", join(open, " or "));
  put(".\n");
  if (taken_by_pool && question.size.value_or(0) > kMostPooledBytes) {
    put("A pool takes blocks of up to 32K: this one the parent allocator serves.\n");
  }
  return text;
}

}  // namespace weir
