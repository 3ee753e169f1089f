#include "tools/routes/site_marks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace weir {

namespace {

struct Edge {
  std::uint64_t at;
  RuleMask rules;
  std::uint8_t kind;
  bool begins;
};

// How many marks lie over a place, for each kind and rule, and which have any.
class Cover {
 public:
  void pass(const Edge& edge) {
    auto& counts = counts_[edge.kind];
    for (RuleMask left = edge.rules; left != 0; left &= left - 1) {
      const auto rule = static_cast<std::size_t>(std::countr_zero(left));
      counts[rule] += edge.begins ? 1 : -1;
      const RuleMask bit = RuleMask{1} << rule;
      covered_[edge.kind] = counts[rule] != 0 ? covered_[edge.kind] | bit : covered_[edge.kind] & ~bit;
    }
  }
  RuleMask holding(RuleMask with_caller, RuleMask with_source) const {
    return (covered_[0] | ~with_caller) & (covered_[1] | ~with_source) & (with_caller | with_source);
  }

 private:
  std::array<std::array<std::ptrdiff_t, kMostRules>, 2> counts_{};
  std::array<RuleMask, 2> covered_{};
};

}  // namespace

void SiteMarks::add(Kind kind, std::uint64_t start, std::uint64_t end, RuleMask rules) {
  if (start >= end || rules == 0) return;
  // Rows of a line table follow each other.
  if (!marks_.empty()) {
    Mark& last = marks_.back();
    if (last.kind == kind && last.rules == rules && last.end == start) {
      last.end = end;
      return;
    }
  }
  marks_.push_back({start, end, rules, kind});
}

std::vector<SiteRange> SiteMarks::ranges(RuleMask with_caller, RuleMask with_source) const {
  std::vector<Edge> edges;
  edges.reserve(2 * marks_.size());
  for (const Mark& mark : marks_) {
    const auto kind = static_cast<std::uint8_t>(mark.kind);
    edges.push_back({mark.start, mark.rules, kind, true});
    edges.push_back({mark.end, mark.rules, kind, false});
  }
  std::ranges::sort(edges, {}, &Edge::at);
  std::vector<SiteRange> ranges;
  Cover cover;
  for (auto edge = edges.begin(); edge != edges.end();) {
    const std::uint64_t at = edge->at;
    for (; edge != edges.end() && edge->at == at; ++edge) cover.pass(*edge);
    if (edge == edges.end()) break;
    const RuleMask rules = cover.holding(with_caller, with_source);
    if (rules == 0) continue;
    if (!ranges.empty() && ranges.back().end == at && ranges.back().rules == rules) {
      ranges.back().end = edge->at;
    } else {
      ranges.push_back({at, edge->at, rules, 0});
    }
  }
  return ranges;
}

}  // namespace weir
