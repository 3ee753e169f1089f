// Which rules a function's names or a source file's path fit, of those that the library asks about.
//
// One thread. Each is worked out once for every name or path (the callers keep them).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/abi/route_rules.hpp"

namespace weir {

class SitePatterns {
 public:
  // Empty patterns are no condition. `rule` is below kMostRules.
  void add(unsigned rule, std::string_view caller, std::string_view source);

  RuleMask with_caller() const { return with_caller_; }
  RuleMask with_source() const { return with_source_; }

  RuleMask callers(const std::vector<std::string>& names) const;
  RuleMask sources(std::string_view path) const;

 private:
  struct Pattern {
    RuleMask bit;
    std::string caller;
    std::string source;
  };
  std::vector<Pattern> patterns_;
  RuleMask with_caller_ = 0;
  RuleMask with_source_ = 0;
};

}  // namespace weir
