#include "tools/commands/routes.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

#include "tools/commands/run.hpp"
#include "tools/routes/describe.hpp"
#include "tools/routes/rule_set.hpp"
#include "tools/say.hpp"

namespace weir {

namespace {

constexpr std::size_t kColumns = 80;

std::string given_rules(const RoutesRequest& request) {
  if (!request.file.empty()) return '@' + request.file;
  if (request.rules) return *request.rules;
  const char* variable = std::getenv("WEIR_ROUTES");
  return variable != nullptr ? variable : "";
}

}  // namespace

int routes(const RoutesRequest& request) {
  std::string text = given_rules(request);
  std::string place = request.rules ? "RULES" : "WEIR_ROUTES";
  std::string error;
  if (!read_rules_text(text, place, error)) {
    say(error);
    return kNotRun;
  }
  const RuleSet set(std::move(text), place);
  for (const std::string& mistake : set.mistakes()) fmt::print(stderr, "{}", mistake);
  if (set.rules().count == 0 && set.mistakes().empty()) {
    say("there are no rules: give them as an argument, with --file, or in WEIR_ROUTES");
    return kNotRun;
  }
  if (request.question.asks()) {
    fmt::print("{}", explain_route(set.rules(), request.question));
  } else if (set.rules().count != 0) {
    fmt::print("{}", rules_as_table(set.rules(), kColumns));
  }
  for (const std::string& warning : set.warnings()) say(warning);
  return set.mistakes().empty() ? 0 : kNotRun;
}

}  // namespace weir
