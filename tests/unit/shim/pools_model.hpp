// What the tests of pools share: blocks taken and given as threads do, and a pool for each test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "shim/route/central_lists.hpp"

namespace weir {

using Blocks = std::vector<void*>;

inline std::uintptr_t number(const void* block) {
  return reinterpret_cast<std::uintptr_t>(block);
}

inline Blocks take(BinIndex bin, unsigned want) {
  Blocks blocks(want);
  blocks.resize(take_blocks(bin, want, blocks.data()));
  return blocks;
}
// As many at a time as threads do.
inline void give(BinIndex bin, const Blocks& blocks) {
  for (std::size_t i = 0; i < blocks.size(); i += 64) {
    give_blocks(bin, &blocks[i], static_cast<unsigned>(std::min<std::size_t>(64, blocks.size() - i)));
  }
}

// In the order in which a thread uses them, until there are `want` or no more.
inline Blocks take_all(BinIndex bin, std::size_t want) {
  Blocks all;
  while (all.size() < want) {
    Blocks some = take(bin, static_cast<unsigned>(std::min<std::size_t>(64, want - all.size())));
    if (some.empty()) break;
    all.insert(all.end(), some.rbegin(), some.rend());
  }
  return all;
}

inline std::uint64_t bytes_of_span(BinIndex bin) {
  return kUnitBytes << order_of_class(class_of_bin(bin));
}
inline unsigned blocks_of_span(BinIndex bin) {
  return static_cast<unsigned>(bytes_of_span(bin) / size_of_class(class_of_bin(bin)));
}
inline UnitIndex span_of(const void* block) {
  return first_unit_of(unit_of(block));
}

// Each lies in a span of the bin, at a multiple of its size.
inline bool is_in_place(BinIndex bin, const void* block) {
  const std::size_t bytes = size_of_class(class_of_bin(bin));
  const std::size_t offset = number(block) - number(unit_address(span_of(block)));
  return tag_of(unit_of(block)).kind() == bin && offset % bytes == 0 && offset + bytes <= bytes_of_span(bin);
}

// Each test has an empty pool.
class PoolTest : public testing::Test {
 protected:
  PoolTest() {
    trim_pools(kMostPools);
    pool_ = next_pool_++ % kMostPools;
    limit({});
  }
  ~PoolTest() override {
    trim_pools(kMostPools);
    EXPECT_EQ(pool_use(pool_).spans, 0u);
    EXPECT_EQ(pool_use(pool_).span_bytes, 0u);
    trim_spans();
  }

  void limit(const PoolLimits& limits) const { set_pool_limits(pool_, limits); }
  BinIndex bin_for(std::size_t bytes) const { return bin_of(pool_, class_of_size(bytes)); }
  std::uint64_t spans() const { return pool_use(pool_).spans; }

  unsigned pool_;

 private:
  static inline unsigned next_pool_ = 0;
};

}  // namespace weir
