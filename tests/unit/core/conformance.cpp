#include "tests/unit/core/conformance.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/unit/how_much.hpp"

namespace weir::test {

namespace {

std::vector<SubjectMaker>& makers() {
  static std::vector<SubjectMaker> all;
  return all;
}

constexpr std::array<std::size_t, 6> kImpossible = {SIZE_MAX,
                                                    SIZE_MAX - 7,
                                                    SIZE_MAX - 4095,
                                                    SIZE_MAX - (std::size_t{4} << 20),
                                                    std::size_t{PTRDIFF_MAX} + 1,
                                                    PTRDIFF_MAX};

class Conformance : public ::testing::TestWithParam<SubjectMaker> {
 protected:
  void TearDown() override {
    blocks_.deallocate_all();
    EXPECT_EQ(subject_->strangers(), 0U) << "a layer has not passed the caller on";
    subject_->finish();
  }

  // Sizes up to the allocator's largest: the small ones, and those around powers of two.
  std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> all = {0, 1, 2, 7, 8, 9};
    for (std::size_t power = 16; power != 0 && power <= largest(); power *= 2) {
      for (const std::size_t n : {power - 1, power, power + 1}) all.push_back(n);
    }
    std::erase_if(all, [&](std::size_t n) { return n > largest(); });
    return all;
  }
  Layout sized(std::size_t bytes) const {
    return {bytes, std::min(traits_.max_alignment, kDefaultAlignment)};
  }
  std::size_t largest() const { return traits_.max_bytes; }

  std::unique_ptr<Subject> subject_ = GetParam().make();
  AnyAllocator allocator_ = subject_->allocator();
  Traits traits_ = subject_->traits();
  Blocks blocks_{allocator_, traits_};
};

TEST_P(Conformance, EverySizeIsWritableAndGivenBack) {
  for (const std::size_t bytes : sizes()) {
    ASSERT_TRUE(blocks_.allocate(sized(bytes))) << bytes;
    blocks_.deallocate(0);
  }
}

TEST_P(Conformance, EveryAlignmentIsKept) {
  for (std::size_t alignment = 1; alignment <= traits_.max_alignment; alignment *= 2) {
    for (const std::size_t bytes : {std::size_t{1}, std::min(alignment + 1, largest()), largest()}) {
      if (blocks_.allocate({bytes, alignment})) {
        blocks_.deallocate(0);
      } else {
        EXPECT_GT(bytes, 1U) << "an allocator gives not one byte aligned to " << alignment;
      }
    }
    subject_->reset();
  }
}

TEST_P(Conformance, AlignmentBeyondTheLimitIsKeptOrRefused) {
  const std::size_t factor = times_to_repeat(64, 8);
  for (std::size_t alignment = traits_.max_alignment; alignment != 0; alignment *= factor) {
    if (blocks_.allocate({1, alignment})) blocks_.deallocate(0);  // the model has looked at it
  }
  EXPECT_TRUE(blocks_.allocate(sized(1)));
}

TEST_P(Conformance, ZeroBytesHaveAnAddressOfTheirOwn) {
  ASSERT_TRUE(blocks_.allocate(sized(0)));
  if (blocks_.allocate(sized(0))) {
    EXPECT_NE(blocks_[0].at, blocks_[1].at);
    EXPECT_TRUE(allocator_.owns(blocks_[1].at));
    blocks_.remap(1, 1);
    blocks_.resize(1, 0);
    blocks_.remap(1, 0);
    blocks_.deallocate(1);
  }
  blocks_.deallocate(0);
}

TEST_P(Conformance, SizesThatCannotBeFail) {
  ASSERT_TRUE(blocks_.allocate(sized(std::min<std::size_t>(largest(), 100))));
  for (const std::size_t bytes : kImpossible) {
    for (std::size_t alignment = 1; alignment != 0; alignment *= 2) {
      EXPECT_FALSE(blocks_.allocate({bytes, alignment})) << bytes << " aligned to " << alignment;
    }
    EXPECT_FALSE(blocks_.resize(0, bytes)) << bytes;
    EXPECT_FALSE(blocks_.remap(0, bytes)) << bytes;
  }
  blocks_.check(0);
  blocks_.deallocate(0);
  EXPECT_TRUE(blocks_.allocate(sized(largest())));
}

TEST_P(Conformance, ShrinkingKeepsTheContents) {
  ASSERT_TRUE(blocks_.allocate(sized(largest())));
  for (std::size_t bytes = largest(); bytes > 0; bytes = bytes * 3 / 4) blocks_.resize(0, bytes);
  blocks_.resize(0, 0);
}

TEST_P(Conformance, GrowingKeepsTheContents) {
  ASSERT_TRUE(blocks_.allocate(sized(1)));
  blocks_.allocate(sized(1));  // a neighbour in the way of the first
  for (std::size_t bytes = 1; bytes <= largest(); bytes = bytes * 3 / 2 + 1) {
    blocks_.resize(0, bytes);
    blocks_.resize(blocks_.size() - 1, bytes);
  }
  blocks_.check_all();
}

TEST_P(Conformance, RemappingKeepsTheContents) {
  ASSERT_TRUE(blocks_.allocate(sized(1)));
  blocks_.allocate(sized(1));
  for (const std::size_t bytes : sizes()) {
    blocks_.remap(0, bytes);
    blocks_.check_all();
  }
  for (std::size_t bytes = largest(); bytes > 0; bytes /= 3) blocks_.remap(0, bytes);
  blocks_.check_all();
}

TEST_P(Conformance, RemappingKeepsTheAlignment) {
  for (std::size_t alignment = 1; alignment <= traits_.max_alignment; alignment *= 4) {
    if (!blocks_.allocate({1, alignment})) continue;
    for (const std::size_t bytes : {largest(), largest() / 2, std::size_t{1}}) {
      blocks_.remap(0, bytes);
    }
    blocks_.deallocate(0);
  }
}

TEST_P(Conformance, ExhaustionIsAFailureAndNoHarm) {
  constexpr std::size_t kEnough = 512;
  constexpr std::size_t kBytesEnough = std::size_t{8} << 20;
  std::size_t first = 0;
  for (int round = 0; round < 3; ++round) {
    while (blocks_.size() < kEnough && blocks_.live_bytes() < kBytesEnough &&
           blocks_.allocate(sized(largest()))) {
    }
    const std::size_t count = blocks_.size();
    if (round == 0) first = count;
    if (count == 0) break;
    if (count < kEnough && blocks_.live_bytes() < kBytesEnough) {
      blocks_.remap(count - 1, largest());  // full, and all operations still answer
      blocks_.resize(0, largest());
      blocks_.allocate(sized(largest()));
    }
    blocks_.check_all();
    if (traits_.reuse == Reuse::kNone) break;
    EXPECT_GE(blocks_.size(), first) << "memory given back is not handed out again, round " << round;
    if (traits_.reuse == Reuse::kAnyOrder) {
      for (std::size_t i = 0; i < blocks_.size() / 2; ++i) blocks_.deallocate(i);
    }
    blocks_.deallocate_all();
  }
  EXPECT_GE(first, 1U);
}

TEST_P(Conformance, OwnsWhatItHandedOut) {
  int on_the_stack = 0;
  static int in_the_program = 0;
  const auto of_the_heap = std::make_unique<int>(0);
  std::vector<const void*> others = {&on_the_stack, &in_the_program, of_the_heap.get(), &blocks_};
  const auto denies_others = [&] {
    EXPECT_FALSE(allocator_.owns(nullptr));
    if (!traits_.exact_owns) return;
    for (const void* p : others) EXPECT_FALSE(allocator_.owns(p));
    const void* end = subject_->past_the_end();
    EXPECT_FALSE(end != nullptr && allocator_.owns(end));
  };
  denies_others();
  for (const std::size_t bytes : sizes()) {
    if (!blocks_.allocate(sized(bytes))) break;
    const auto& block = blocks_[blocks_.size() - 1];
    for (std::size_t i = 0; i < std::max<std::size_t>(bytes, 1); i += 1 + i / 8) {
      ASSERT_TRUE(allocator_.owns(block.at + i)) << "byte " << i << " of " << bytes;
    }
  }
  denies_others();
}

TEST_P(Conformance, ResetForgetsEverything) {
  if (subject_->has_reset()) {
    std::size_t first = 0;
    for (int round = 0; round < 3; ++round) {
      while (blocks_.size() < 100 && blocks_.allocate(sized(largest() / 2))) {
      }
      if (round == 0) first = blocks_.size();
      EXPECT_GE(blocks_.size(), first) << "less room after a reset";
      blocks_.check_all();
      subject_->reset();
      blocks_.forget_all();
    }
  }
  EXPECT_TRUE(blocks_.allocate(sized(largest())));
}

TEST_P(Conformance, TheCallerReachesTheBottom) {
  if (!subject_->has_probe()) return;
  for (int i = 0; i < 500 && subject_->probed_calls() == 0; ++i) blocks_.allocate(sized(largest()));
  EXPECT_GT(subject_->probed_calls(), 0U) << "no request has come through the probe";
}

INSTANTIATE_TEST_SUITE_P(Every, Conformance, ::testing::ValuesIn(makers()),
                         [](const auto& one) { return std::string(one.param.name); });
// A program of the fuzzer alone has no cases.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Conformance);

}  // namespace

bool register_subject(const SubjectMaker& maker) {
  makers().push_back(maker);
  return true;
}

}  // namespace weir::test
