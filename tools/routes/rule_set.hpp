// Routing rules together with the text that they point into, and what is to be said about them.
#pragma once

#include <string>
#include <vector>

#include "shim/abi/route_rules.hpp"

namespace weir {

class RuleSet {
 public:
  // `place` is where the text comes from, for messages: a file's name, or what the user called it.
  RuleSet(std::string text, const std::string& place);
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  const RouteRules& rules() const { return rules_; }

  // One entry a rule that cannot be used: the message, the rule, a caret below; each line ends in '\n'.
  const std::vector<std::string>& mistakes() const { return mistakes_; }

  // Rules that never take anything because an earlier one takes all; a line each.
  std::vector<std::string> warnings() const;

 private:
  std::string text_;
  RouteRules rules_;
  std::vector<std::string> mistakes_;
};

// The text of WEIR_ROUTES or of an argument: rules, or @FILE. False, and `error` has a line, where the file
// cannot be read; `place` becomes its name.
bool read_rules_text(std::string& text, std::string& place, std::string& error);

// The most that the library takes.
inline constexpr std::size_t kMostRulesText = 65535;

}  // namespace weir
