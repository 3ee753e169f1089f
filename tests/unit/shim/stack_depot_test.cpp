#include "shim/unwind/stack_depot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "shim/base/options.hpp"

namespace weir {
namespace {

using Tokens = std::vector<FrameToken>;  // outermost first

// As a walk hands it over: the hashes of all prefixes, and one of the whole that knows what is kept.
class Stack {
 public:
  Stack(Tokens tokens, std::uint32_t kept, bool cut) : tokens_(std::move(tokens)), kept_(kept), cut_(cut) {
    std::uint64_t hash = 0;
    for (const FrameToken token : tokens_) {
      hash = (hash ^ token) * 0x9e3779b97f4a7c15u;
      hash ^= hash >> 29;
      hashes_.push_back(hash);
    }
    hash_ = hash * 31 + kept_ * 2 + cut_;
  }
  explicit Stack(Tokens tokens) : Stack(tokens, static_cast<std::uint32_t>(tokens.size()), false) {}

  std::uint64_t hash() const { return hash_; }
  StackId add(bool nested = false) const {
    return stack_depot.add(
        hash_, {tokens_.data(), hashes_.data(), static_cast<std::uint32_t>(tokens_.size()), kept_, cut_},
        nested);
  }
  Tokens innermost_first() const {
    Tokens reversed(tokens_.rbegin(), tokens_.rend());
    reversed.resize(kept_);
    return reversed;
  }
  bool cut() const { return cut_; }

 private:
  Tokens tokens_;
  std::uint32_t kept_;
  bool cut_;
  std::vector<std::uint64_t> hashes_;
  std::uint64_t hash_;
};

Tokens tokens_of(StackId id, std::uint32_t room, bool* cut) {
  Tokens tokens(room + 1, 0x5a5a);
  const std::uint32_t n = stack_depot.read(id, tokens.data(), room, cut);
  EXPECT_LE(n, room);
  EXPECT_EQ(tokens[n], 0x5a5au) << "written beyond what was told";
  tokens.resize(n);
  return tokens;
}

Tokens random_tokens(std::mt19937_64& random, std::size_t count) {
  Tokens tokens(count);
  for (FrameToken& token : tokens) token = random();
  return tokens;
}

void expect_whole(const Stack& stack, StackId id) {
  bool cut = !stack.cut();
  EXPECT_EQ(tokens_of(id, 1024, &cut), stack.innermost_first());
  EXPECT_EQ(cut, stack.cut());
  EXPECT_EQ(stack_depot.find(stack.hash()), id);
}

TEST(StackDepot, GivesBackEveryStack) {
  std::mt19937_64 random(11);
  std::vector<Stack> stacks;
  std::vector<StackId> ids;
  const std::uint64_t before = stack_depot.stacks();
  Tokens tokens;
  for (int i = 0; i < 5000; ++i) {
    // Grown from the last one's callers, as programs' are; sometimes a new one.
    tokens.resize(random() % 8 == 0 ? 0 : random() % (tokens.size() + 1));
    const Tokens more = random_tokens(random, random() % 30 + 1);
    tokens.insert(tokens.end(), more.begin(), more.end());
    if (tokens.size() > 1000) tokens.resize(1000);
    stacks.emplace_back(tokens);
    EXPECT_EQ(stack_depot.find(stacks.back().hash()), kNoStack);
    ids.push_back(stacks.back().add());
  }
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    expect_whole(stacks[i], ids[i]);
    EXPECT_EQ(stacks[i].add(), ids[i]);  // once only
  }
  EXPECT_EQ(stack_depot.stacks(), before + stacks.size());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
  EXPECT_GT(ids.front(), kOverflowStack);
}

TEST(StackDepot, HandlesEveryLengthAroundAChunk) {
  std::mt19937_64 random(12);
  for (std::size_t count = 1; count <= 40; ++count) {
    const Stack stack(random_tokens(random, count));
    expect_whole(stack, stack.add());
  }
  const Stack deepest(random_tokens(random, 1024));
  expect_whole(deepest, deepest.add());
}

TEST(StackDepot, AStackWithATagIsTheSameStack) {
  std::mt19937_64 random(17);
  const Stack stack(random_tokens(random, 20));
  const StackId plain = stack.add();
  EXPECT_EQ(stack_depot.tag_of_stack(plain), kNoTag);
  const StackId one = stack_depot.tagged(plain, 1, false);
  const StackId last = stack_depot.tagged(plain, kMostTags - 1, false);
  EXPECT_EQ(stack_depot.tagged(plain, 1, false), one);
  EXPECT_EQ(stack_depot.tag_of_stack(one), 1);
  EXPECT_EQ(stack_depot.tag_of_stack(last), kMostTags - 1);
  EXPECT_EQ(std::set({plain, one, last}).size(), 3U);
  expect_whole(stack, plain);
  bool cut = true;
  EXPECT_EQ(tokens_of(one, 1024, &cut), stack.innermost_first());
  EXPECT_FALSE(cut);

  // A block may have no stack, and a tag.
  const StackId none = stack_depot.tagged(kNoStack, 2, false);
  EXPECT_EQ(stack_depot.tag_of_stack(none), 2);
  EXPECT_TRUE(tokens_of(none, 1024, &cut).empty());
}

TEST(StackDepot, SharesCallers) {
  std::mt19937_64 random(13);
  Tokens tokens = random_tokens(random, 801);
  Stack(tokens).add();
  const std::uint64_t before = stack_depot.bytes();
  tokens.back() = 1;
  const Stack sibling(tokens);
  expect_whole(sibling, sibling.add());
  EXPECT_EQ(stack_depot.bytes(), before + 2 * 8);  // the head and the one frame that differs
}

TEST(StackDepot, KeepsTheInnermostAndSaysThatItCut) {
  std::mt19937_64 random(14);
  const Tokens tokens = random_tokens(random, 100);
  for (const std::uint32_t kept : {1u, 4u, 8u, 63u, 99u}) {
    const Stack stack(tokens, kept, true);
    expect_whole(stack, stack.add());
  }
  const Stack whole(tokens);
  expect_whole(whole, whole.add());
}

TEST(StackDepot, WritesNoMoreThanThereIsRoomFor) {
  std::mt19937_64 random(15);
  const Stack stack(random_tokens(random, 50));
  const StackId id = stack.add();
  bool cut = false;
  for (const std::uint32_t room : {0u, 1u, 7u, 8u, 9u, 49u, 50u, 51u}) {
    Tokens wanted = stack.innermost_first();
    wanted.resize(std::min(room, 50u));
    EXPECT_EQ(tokens_of(id, room, &cut), wanted);
  }
}

TEST(StackDepot, KnowsNothingOfOtherIds) {
  for (const StackId id : {kNoStack, kOverflowStack, StackId{(1u << kStackIdBits) - 1}}) {
    bool cut = true;
    EXPECT_TRUE(tokens_of(id, 64, &cut).empty());
    EXPECT_FALSE(cut);
  }
}

TEST(StackDepot, GivesUpWhereItWasInterrupted) {
  std::mt19937_64 random(16);
  const Stack stack(random_tokens(random, 5));
  stack_depot.lock_for_fork();
  EXPECT_EQ(stack.add(true), kNoStack);
  stack_depot.unlock_after_fork();
  expect_whole(stack, stack.add(true));
}

TEST(StackDepot, SharesOneIdWhenItIsFull) {
  std::mt19937_64 random(17);
  const std::uint64_t limit = options.stack_memory;
  const Stack early(random_tokens(random, 20));
  const StackId id = early.add();
  options.stack_memory = stack_depot.bytes() + 4096;
  const std::uint64_t before = stack_depot.overflows();
  std::vector<Stack> in;
  std::uint64_t refused = 0;
  for (int i = 0; i < 200; ++i) {
    const Stack stack(random_tokens(random, 20));
    if (const StackId got = stack.add(); got == kOverflowStack) {
      ++refused;
      EXPECT_EQ(stack_depot.find(stack.hash()), kNoStack);
    } else {
      in.push_back(stack);
    }
  }
  EXPECT_LE(stack_depot.bytes(), options.stack_memory);
  EXPECT_EQ(stack_depot.overflows(), before + refused);
  EXPECT_GE(refused, 100u);
  EXPECT_GE(in.size(), 15u);
  for (const Stack& stack : in) expect_whole(stack, stack_depot.find(stack.hash()));
  expect_whole(early, id);
  options.stack_memory = limit;
  const Stack late(random_tokens(random, 20));
  expect_whole(late, late.add());
}

}  // namespace
}  // namespace weir
