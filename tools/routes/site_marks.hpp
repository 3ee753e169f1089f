// Stretches of code that fit a rule's caller= or source=, laid over one another: where both hold.
#pragma once

#include <cstdint>
#include <vector>

#include "shim/abi/route_rules.hpp"
#include "shim/abi/route_sites.hpp"

namespace weir {

class SiteMarks {
 public:
  enum class Kind : std::uint8_t { kCaller, kSource };

  // [start, end) fits the rules in `rules`. Empty stretches and masks are passed over; they may overlap.
  void add(Kind kind, std::uint64_t start, std::uint64_t end, RuleMask rules);

  // Sorted and apart from each other. A rule is in a range when each of its conditions has a mark there; the
  // masks say which rules have which condition. O(n log n).
  std::vector<SiteRange> ranges(RuleMask with_caller, RuleMask with_source) const;

 private:
  struct Mark {
    std::uint64_t start;
    std::uint64_t end;
    RuleMask rules;
    Kind kind;
  };
  std::vector<Mark> marks_;
};

}  // namespace weir
