#include "tools/symbols/range_index.hpp"

#include <algorithm>

namespace weir {

void RangeIndex::add(std::uint64_t low, std::uint64_t high, std::size_t value) {
  if (low < high) ranges_.push_back({low, high, 0, value});
}

std::optional<std::size_t> RangeIndex::find(std::uint64_t address) {
  if (!sorted_) {
    std::ranges::stable_sort(ranges_, {}, &Range::low);
    std::uint64_t highest = 0;
    for (Range& range : ranges_) range.highest = highest = std::max(highest, range.high);
    sorted_ = true;
  }
  auto range = std::ranges::upper_bound(ranges_, address, {}, &Range::low);
  while (range != ranges_.begin()) {
    --range;
    if (range->highest <= address) break;
    if (range->high > address) return range->value;
  }
  return std::nullopt;
}

}  // namespace weir
