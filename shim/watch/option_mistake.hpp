// One line for what is wrong with an option that is made of rules: what, where, and what follows.
#pragma once

#include <string_view>

#include "shim/abi/route_mistake.hpp"
#include "shim/base/say.hpp"

namespace weir {

inline void say_option_mistake(std::string_view option, std::string_view text, const RouteMistake& mistake,
                               std::string_view outcome) noexcept {
  const std::string_view rule = mistake.rule;
  const std::size_t rule_end = static_cast<std::size_t>(rule.data() - text.data()) + rule.size();
  Line line;
  line.text("weir: ").text(option).text(": ").text(mistake.message.view());
  if (mistake.offset < rule_end) {
    line.text(", at '").text(text.substr(mistake.offset, mistake.length)).text("' in '");
  } else {
    line.text(", at the end of '");
  }
  line.text(rule).text("'; ").text(outcome).say();
}

}  // namespace weir
