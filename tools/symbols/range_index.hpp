// Which of many address ranges holds an address: built once, then asked often.
//
// Ranges may overlap (broken debug information does); the one that begins last is taken to be the right one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weir {

class RangeIndex {
 public:
  // [low, high) belongs to `value`; empty ranges are dropped. Not after the first find().
  void add(std::uint64_t low, std::uint64_t high, std::size_t value);

  std::optional<std::size_t> find(std::uint64_t address);

  bool empty() const { return ranges_.empty(); }

 private:
  struct Range {
    std::uint64_t low;
    std::uint64_t high;
    std::uint64_t highest;  // of this range and all before it: where a search backwards may stop
    std::size_t value;
  };
  std::vector<Range> ranges_;
  bool sorted_ = false;
};

}  // namespace weir
