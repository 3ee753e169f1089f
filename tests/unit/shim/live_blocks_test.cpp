// A heap made by hand in the heap zone: which blocks are found in it, and how they are classed.
#include "shim/leak/live_blocks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "core/pages.hpp"
#include "shim/base/zones.hpp"
#include "shim/leak/reachability.hpp"

namespace weir {

namespace {

struct Heap {
  explicit Heap(std::size_t bytes) : room(bytes) {
    make_header_key();
    base = static_cast<char*>(heap_zone.map(room));
    roots = static_cast<std::uint64_t*>(map_pages(kPageSize));
    const auto start = reinterpret_cast<std::uint64_t>(base);
    const auto root = reinterpret_cast<std::uint64_t>(roots);
    mappings[0] = {start, start + room, true, true, false};
    mappings[1] = {root, root + kPageSize, true, true, false};
  }
  ~Heap() {
    unmap_pages(base, room);
    unmap_pages(roots, kPageSize);
  }
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // The address of a new block, `gap` bytes behind the last.
  std::uint64_t add(std::uint64_t bytes, std::size_t gap = 0) {
    auto* header = reinterpret_cast<BlockHeader*>(base + used + gap);
    header->stamp(bytes, 4, Family::kMalloc, 7);
    used += gap + kHeaderBytes + round_up(bytes, kHeaderBytes);
    EXPECT_LE(used, room);
    return reinterpret_cast<std::uint64_t>(header->block());
  }
  void point(std::uint64_t from, std::uint64_t to, std::size_t word = 0) const {
    reinterpret_cast<std::uint64_t*>(from)[word] = to;
  }
  MemoryMap map() { return {mappings, 2}; }

  std::size_t room;
  char* base;
  std::uint64_t* roots;
  std::size_t used = 0;
  Mapping mappings[2];
};

TEST(LiveBlocks, FindsEveryAddressInABlockAndNoOther) {
  std::mt19937 random(21);
  Heap heap(std::size_t{24} << 20);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> blocks;
  // Both sides of what counts as pointed to by one past its end, and chunks in which no block begins.
  while (heap.used + 5'100'000 < heap.room) {
    std::uint64_t bytes = random() % 20 == 0 ? random() % 20'000 : random() % 200;
    if (random() % 5000 == 0) bytes = 5'000'000;
    const std::uint64_t start = heap.add(bytes, random() % 8 * 16);
    blocks.emplace_back(start, start + std::max<std::uint64_t>(bytes, 1) + (bytes <= 16 ? 1 : 0));
  }
  PageMap pages;
  LiveBlocks live;
  ASSERT_TRUE(live.collect(heap.map(), pages));
  ASSERT_EQ(live.count(), blocks.size());
  for (std::uint32_t i = 0; i < live.count(); ++i) {
    ASSERT_EQ(live[i].start(), blocks[i].first);
    EXPECT_EQ(live[i].end() + (live[i].bytes() <= 16 ? 1 : 0), blocks[i].second);
    EXPECT_EQ(live[i].header().stack(), 7u);
    EXPECT_FALSE(live[i].is_root());
  }
  const auto end = reinterpret_cast<std::uint64_t>(heap.base) + heap.room;
  std::uint64_t wrong = 0;
  std::size_t begun = 0;  // blocks that begin at the address or before
  for (auto at = reinterpret_cast<std::uint64_t>(heap.base) - 64; at < end; ++at) {
    while (begun < blocks.size() && blocks[begun].first <= at) ++begun;
    const bool in = begun != 0 && at < blocks[begun - 1].second;
    const auto wanted = in ? static_cast<std::uint32_t>(begun - 1) : LiveBlocks::kNone;
    wrong += (live.may_point(at) ? live.find(at) : LiveBlocks::kNone) != wanted;
  }
  EXPECT_EQ(wrong, 0u);
}

TEST(LiveBlocks, PassesOverDeadForgedAndInnerHeaders) {
  Heap heap(1 << 20);
  const std::uint64_t first = heap.add(64);
  const std::uint64_t dead = heap.add(64);
  const std::uint64_t copied = heap.add(64);
  const std::uint64_t last = heap.add(64);
  BlockHeader::of(reinterpret_cast<void*>(dead))->kill();
  std::memcpy(reinterpret_cast<void*>(copied - 16), reinterpret_cast<void*>(first - 16), 16);
  // One that authenticates, inside a live block: a freed block's, of when it was smaller.
  auto* inner = reinterpret_cast<BlockHeader*>(last + 16);
  inner->stamp(16, 4, Family::kMalloc, 9);
  ASSERT_TRUE(inner->is_live());
  PageMap pages;
  LiveBlocks live;
  ASSERT_TRUE(live.collect(heap.map(), pages));
  ASSERT_EQ(live.count(), 2u);
  EXPECT_EQ(live[0].start(), first);
  EXPECT_EQ(live[1].start(), last);
}

TEST(LiveBlocks, PassesOverInnerHeadersBehindUntouchedPages) {
  Heap heap(1 << 20);
  const std::uint64_t large = heap.add(4 * kPageSize);
  reinterpret_cast<BlockHeader*>(large + 3 * kPageSize)->stamp(16, 4, Family::kMalloc, 9);
  PageMap pages;
  LiveBlocks live;
  ASSERT_TRUE(live.collect(heap.map(), pages));
  ASSERT_EQ(live.count(), 1u);
  EXPECT_EQ(live[0].start(), large);
}

TEST(LiveBlocks, AreNoneInAnEmptyHeap) {
  Heap heap(1 << 20);
  PageMap pages;
  LiveBlocks live;
  ASSERT_TRUE(live.collect(heap.map(), pages));
  EXPECT_EQ(live.count(), 0u);
  EXPECT_FALSE(live.may_point(0));
  EXPECT_FALSE(live.may_point(reinterpret_cast<std::uint64_t>(heap.base)));
}

class ReachabilityTest : public testing::Test {
 protected:
  void classify() {
    ASSERT_TRUE(live.collect(memory.map(), memory.pages()));
    const CheckingThread self{0, 0, registers, 2};
    ASSERT_TRUE(reach.classify(self, {}));
  }
  BlockState state(std::uint64_t block) { return live[live.find(block)].state(); }
  std::uint64_t leader(std::uint64_t block) { return live[reach.leader_of(live.find(block))].start(); }

  Heap heap{std::size_t{64} << 20};
  ProgramMemory memory{heap.map()};
  LiveBlocks live;
  Reachability reach{live, memory};
  std::uint64_t registers[2] = {};
};

TEST_F(ReachabilityTest, FollowsRootsRegistersAndInteriorPointers) {
  const std::uint64_t by_root = heap.add(64);
  const std::uint64_t by_inside = heap.add(64);
  const std::uint64_t by_register = heap.add(64);
  const std::uint64_t by_block = heap.add(0);
  const std::uint64_t behind = heap.add(64);
  const std::uint64_t unaligned = heap.add(64);
  heap.roots[3] = by_root;
  heap.roots[511] = by_inside + 63;
  heap.roots[7] = behind + 64;  // one past its end: not in it
  std::memcpy(reinterpret_cast<char*>(heap.roots) + 101, &unaligned, 8);
  registers[1] = by_register;
  heap.point(by_root, by_block, 7);
  classify();
  for (const std::uint64_t block : {by_root, by_inside, by_register, by_block})
    EXPECT_EQ(state(block), BlockState::kReachable);
  EXPECT_EQ(state(behind), BlockState::kDirect);
  EXPECT_EQ(state(unaligned), BlockState::kDirect);
}

TEST_F(ReachabilityTest, ClassesLostTreesAndCycles) {
  const std::uint64_t child = heap.add(32);
  const std::uint64_t parent = heap.add(32);
  heap.point(parent, child);
  const std::uint64_t low = heap.add(32);
  const std::uint64_t high = heap.add(32);
  heap.point(low, high);
  heap.point(high, low);
  const std::uint64_t self = heap.add(32);
  heap.point(self, self);
  classify();
  EXPECT_EQ(state(parent), BlockState::kDirect);
  EXPECT_EQ(state(child), BlockState::kIndirect);  // though it lies before the one that leads to it
  EXPECT_EQ(leader(child), parent);
  EXPECT_EQ(state(low), BlockState::kDirect);
  EXPECT_EQ(state(high), BlockState::kIndirect);
  EXPECT_EQ(leader(high), low);
  EXPECT_EQ(state(self), BlockState::kDirect);
}

TEST_F(ReachabilityTest, ReachableBlocksAreNobodysIndirectLeak) {
  const std::uint64_t lost = heap.add(32);
  const std::uint64_t kept = heap.add(32);
  const std::uint64_t below = heap.add(32);
  heap.point(lost, kept);
  heap.point(kept, below);
  heap.point(lost, below, 1);
  heap.roots[0] = kept;
  classify();
  EXPECT_EQ(state(lost), BlockState::kDirect);
  EXPECT_EQ(state(kept), BlockState::kReachable);
  EXPECT_EQ(state(below), BlockState::kReachable);
}

TEST_F(ReachabilityTest, FindsTheLeaderOfAListLostFromItsFarEnd) {
  constexpr int kCount = 200'000;
  std::vector<std::uint64_t> nodes;
  for (int i = 0; i < kCount; ++i) {
    nodes.push_back(heap.add(16));
    if (i != 0) heap.point(nodes[i], nodes[i - 1]);
  }
  classify();
  EXPECT_EQ(state(nodes.back()), BlockState::kDirect);
  std::uint64_t wrong = 0;
  for (int i = 0; i + 1 < kCount; ++i)
    wrong += state(nodes[i]) != BlockState::kIndirect || leader(nodes[i]) != nodes.back();
  EXPECT_EQ(wrong, 0u);
}

TEST_F(ReachabilityTest, AgreesWithTheDefinitionOnRandomGraphs) {
  std::mt19937 engine(23);
  const auto random = [&] { return static_cast<unsigned>(engine()); };
  constexpr unsigned kCount = 3000;
  std::vector<std::uint64_t> nodes;
  std::vector<std::vector<unsigned>> edges(kCount);
  for (unsigned i = 0; i < kCount; ++i) nodes.push_back(heap.add(48));
  for (unsigned i = 0; i < kCount; ++i) {
    for (unsigned word = random() % 3; word != 0; --word) {
      const unsigned to = random() % kCount;
      edges[i].push_back(to);
      heap.point(nodes[i], nodes[to] + random() % 48, word);
    }
  }
  std::vector<bool> reachable(kCount);
  const auto follow = [&](std::vector<unsigned> work, std::vector<bool>& seen) {
    for (const unsigned i : work) seen[i] = true;
    while (!work.empty()) {
      const unsigned from = work.back();
      work.pop_back();
      for (const unsigned to : edges[from]) {
        if (seen[to]) continue;
        seen[to] = true;
        work.push_back(to);
      }
    }
  };
  std::vector<unsigned> roots;
  for (unsigned i = 0; i < 5; ++i) {
    roots.push_back(random() % kCount);
    heap.roots[i] = nodes[roots.back()];
  }
  follow(roots, reachable);
  classify();
  std::vector<unsigned> direct;
  for (unsigned i = 0; i < kCount; ++i) {
    EXPECT_EQ(state(nodes[i]) == BlockState::kReachable, reachable[i]);
    if (state(nodes[i]) == BlockState::kDirect) direct.push_back(i);
  }
  std::vector<bool> lost(kCount);
  follow(direct, lost);
  for (unsigned i = 0; i < kCount; ++i) {
    EXPECT_TRUE(reachable[i] || lost[i]);  // the direct ones lead to all
    if (state(nodes[i]) != BlockState::kIndirect) continue;
    const auto to = std::find(nodes.begin(), nodes.end(), leader(nodes[i])) - nodes.begin();
    std::vector<bool> through(kCount);
    follow({static_cast<unsigned>(to)}, through);
    EXPECT_EQ(state(nodes[static_cast<unsigned>(to)]), BlockState::kDirect);
    EXPECT_TRUE(through[i]);
  }
  for (const unsigned one : direct) {  // and none of them to another, but in a cycle
    std::vector<bool> through(kCount);
    follow({one}, through);
    for (const unsigned other : direct) EXPECT_FALSE(one != other && through[other]);
  }
}

}  // namespace
}  // namespace weir
