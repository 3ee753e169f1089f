// What the tests of arenas share: a route of their own, and a model of the blocks that are out.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

#include "core/pages.hpp"
#include "shim/route/arena.hpp"

namespace weir {

// As the heap does it: to whom a block goes back is read off its unit and its chunk.
inline void free_block(Lane& mine, void* block) {
  const UnitIndex first = first_unit_of(unit_of(block));
  if (tag_of(first).kind() == kLargeKind) return free_large(&mine, first);
  Chunk* const chunk = chunk_of(block);
  if (chunk->lane.load() == &mine) return free_in(mine, chunk, block);
  free_remotely(chunk, block);
}

inline std::size_t granted(void* block) {
  const UnitIndex first = first_unit_of(unit_of(block));
  if (tag_of(first).kind() == kLargeKind) return kUnitBytes << info_of(first).order;
  return bytes_of_block(chunk_of(block), block);
}

inline std::size_t rounded(std::size_t bytes) {
  return round_up(bytes == 0 ? 1 : bytes, kGranule);
}

// All bytes of the block say where it lies and which use of the place this is.
inline void fill(void* block, std::size_t bytes, unsigned mark) {
  std::memset(block, static_cast<int>((reinterpret_cast<std::uintptr_t>(block) / kGranule * 7 + mark) | 1),
              bytes);
}
inline bool is_filled(const void* block, std::size_t bytes, unsigned mark) {
  const auto* const p = static_cast<const unsigned char*>(block);
  const auto want =
      static_cast<unsigned char>((reinterpret_cast<std::uintptr_t>(block) / kGranule * 7 + mark) | 1);
  return std::all_of(p, p + bytes, [want](unsigned char byte) { return byte == want; });
}

// Each test has a route of its own, with nothing in it at the end.
class ArenaTest : public testing::Test {
 protected:
  ArenaTest() : route_(arena_routes[next_route_++ % kMostRules]) {
    route_.route = static_cast<std::uint16_t>(&route_ - arena_routes);
    route_.fixed = route_.prefault = route_.huge = false;
    route_.chunk_bytes = std::size_t{64} << 10;
    route_.capacity = route_.retain = 0;
    route_.file = nullptr;
    route_.peak_chunk_use = route_.peak_used = 0;
    lane_.route = &route_;
  }
  ~ArenaTest() override {
    abandon_lane(lane_);
    EXPECT_EQ(route_.chunk_use, 0u);
    EXPECT_EQ(route_.chunks, 0u);
    blocks_end = nullptr;
  }

  void make_fixed(std::size_t capacity) const {
    route_.fixed = true;
    route_.capacity = capacity;
  }
  void* allocate(std::size_t bytes, std::size_t alignment = kGranule) {
    return allocate_in(lane_, bytes, alignment);
  }
  void free(void* block) { free_block(lane_, block); }

  ArenaRoute& route_;
  Lane lane_{};

 private:
  static inline unsigned next_route_ = 0;
};

// The blocks that are out, by address.
class BlockModel {
 public:
  struct Block {
    std::size_t bytes;  // what may be used
    unsigned mark;
    unsigned depth;  // of the scope
  };
  using Place = std::map<char*, Block>::iterator;

  void add(void* block, std::size_t bytes, std::size_t alignment, unsigned depth = 0) {
    ASSERT_NE(block, nullptr);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % alignment, 0u);
    const std::size_t use = granted(block);
    if (tag_of(unit_of(block)).kind() == kLargeKind) {
      ASSERT_GE(use, bytes);
    } else {
      ASSERT_EQ(use, rounded(bytes));
    }
    ASSERT_TRUE(is_apart(static_cast<char*>(block), use));
    fill(block, use, ++mark_);
    out_[static_cast<char*>(block)] = {use, mark_, depth};
  }

  bool is_intact(Place at) const {
    return granted(at->first) == at->second.bytes && is_filled(at->first, at->second.bytes, at->second.mark);
  }
  void check() {
    for (auto at = out_.begin(); at != out_.end(); ++at) ASSERT_TRUE(is_intact(at));
  }

  void* remove(Place at) {
    EXPECT_TRUE(is_intact(at));
    void* const block = at->first;
    out_.erase(at);
    return block;
  }

  void resized(Place at) {
    const std::size_t use = granted(at->first);
    ASSERT_TRUE(is_filled(at->first, std::min(use, at->second.bytes), at->second.mark));
    at->second.bytes = 0;
    ASSERT_TRUE(is_apart(at->first, use));
    fill(at->first, use, at->second.mark);
    at->second.bytes = use;
  }

  template <typename Random>
  Place any(Random& random) {
    return std::next(out_.begin(), static_cast<std::ptrdiff_t>(random() % out_.size()));
  }
  Place find(void* block) { return out_.find(static_cast<char*>(block)); }

  void end_scopes(unsigned depth) {
    std::erase_if(out_, [depth](const auto& block) { return block.second.depth >= depth; });
  }

  bool empty() const { return out_.empty(); }
  std::size_t size() const { return out_.size(); }
  Place begin() { return out_.begin(); }
  Place end() { return out_.end(); }

 private:
  bool is_apart(const char* start, std::size_t bytes) {
    auto behind = out_.upper_bound(const_cast<char*>(start));
    if (behind != out_.end() && start + bytes > behind->first) return false;
    if (behind == out_.begin()) return true;
    --behind;
    return behind->first + behind->second.bytes <= start;
  }

  std::map<char*, Block> out_;
  unsigned mark_ = 0;
};

}  // namespace weir
