// The one suite that every allocator, combinator, wrapper and stack of them passes.
//
// A case is a type that builds what is tested:
//
//   struct SmallBuffer {
//     static constexpr weir::test::Traits kTraits{.max_bytes = 4096, .bounded = true, .reuse = ...};
//     std::array<std::byte, 65536> storage;
//     weir::FixedBuffer buffer{storage};
//     weir::FixedBuffer& allocator() { return buffer; }
//   };
//   WEIR_CONFORMANCE(SmallBuffer, SmallBuffer);
//   WEIR_FUZZ(SmallBuffer, SmallBuffer);               // fuzz.hpp
//
// It may also have
//   void reset()                 gives back all blocks at once; the suite forgets them (arena, fixed buffer)
//   const CallerProbe<X>& probe()  a probe in the stack; every request that reaches it must name the caller
//   const void* past_the_end()   the first byte behind all memory of an allocator with a range of its own
//   void finish()                called when all blocks have been given back: counters are zero, nothing
//   leaked
// The case is built on the heap, once for each test. The macros stand outside of any namespace.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/unit/core/conformance_model.hpp"

namespace weir::test {

inline constexpr std::array<std::size_t, 6> kImpossible = {SIZE_MAX,
                                                           SIZE_MAX - 7,
                                                           SIZE_MAX - 4095,
                                                           SIZE_MAX - (std::size_t{4} << 20),
                                                           std::size_t{PTRDIFF_MAX} + 1,
                                                           PTRDIFF_MAX};

template <typename Case>
class Conformance : public ::testing::Test {
 protected:
  using A = std::remove_reference_t<decltype(std::declval<Case&>().allocator())>;
  static_assert(Allocator<A>);
  static constexpr Traits kTraits = Case::kTraits;

  void TearDown() override {
    blocks_.deallocate_all();
    if constexpr (requires(Case & c) { c.probe(); }) {
      EXPECT_EQ(case_->probe().strangers(), 0U) << "a layer has not passed the caller on";
    }
    if constexpr (requires(Case & c) { c.finish(); }) case_->finish();
  }

  // Sizes up to the allocator's largest: the small ones, and those around powers of two.
  static std::vector<std::size_t> sizes() {
    std::vector<std::size_t> all = {0, 1, 2, 7, 8, 9};
    for (std::size_t power = 16; power != 0 && power <= kTraits.max_bytes; power *= 2) {
      for (const std::size_t n : {power - 1, power, power + 1}) all.push_back(n);
    }
    std::erase_if(all, [](std::size_t n) { return n > kTraits.max_bytes; });
    return all;
  }
  static Layout sized(std::size_t bytes) {
    return {bytes, std::min(kTraits.max_alignment, kDefaultAlignment)};
  }
  static std::size_t largest() { return kTraits.max_bytes; }

  std::unique_ptr<Case> case_ = std::make_unique<Case>();
  A& allocator_ = case_->allocator();
  Blocks<A> blocks_{allocator_, kTraits};
};

TYPED_TEST_SUITE_P(Conformance);

TYPED_TEST_P(Conformance, EverySizeIsWritableAndGivenBack) {
  for (const std::size_t bytes : this->sizes()) {
    ASSERT_TRUE(this->blocks_.allocate(this->sized(bytes))) << bytes;
    this->blocks_.deallocate(0);
  }
}

TYPED_TEST_P(Conformance, EveryAlignmentIsKept) {
  for (std::size_t alignment = 1; alignment <= this->kTraits.max_alignment; alignment *= 2) {
    for (const std::size_t bytes :
         {std::size_t{1}, std::min(alignment + 1, this->largest()), this->largest()}) {
      if (this->blocks_.allocate({bytes, alignment})) {
        this->blocks_.deallocate(0);
      } else {
        EXPECT_GT(bytes, 1U) << "an allocator gives not one byte aligned to " << alignment;
      }
    }
    if constexpr (requires(TypeParam & c) { c.reset(); }) this->case_->reset();
  }
}

TYPED_TEST_P(Conformance, AlignmentBeyondTheLimitIsKeptOrRefused) {
  for (std::size_t alignment = this->kTraits.max_alignment; alignment != 0; alignment *= 2) {
    if (this->blocks_.allocate({1, alignment})) this->blocks_.deallocate(0);  // the model has looked at it
  }
  EXPECT_TRUE(this->blocks_.allocate(this->sized(1)));
}

TYPED_TEST_P(Conformance, ZeroBytesHaveAnAddressOfTheirOwn) {
  ASSERT_TRUE(this->blocks_.allocate(this->sized(0)));
  if (this->blocks_.allocate(this->sized(0))) {
    EXPECT_NE(this->blocks_[0].at, this->blocks_[1].at);
    EXPECT_TRUE(this->allocator_.owns(this->blocks_[1].at));
    this->blocks_.remap(1, 1);
    this->blocks_.resize(1, 0);
    this->blocks_.remap(1, 0);
    this->blocks_.deallocate(1);
  }
  this->blocks_.deallocate(0);
}

TYPED_TEST_P(Conformance, SizesThatCannotBeFail) {
  ASSERT_TRUE(this->blocks_.allocate(this->sized(std::min<std::size_t>(this->largest(), 100))));
  for (const std::size_t bytes : kImpossible) {
    for (std::size_t alignment = 1; alignment != 0; alignment *= 2) {
      EXPECT_FALSE(this->blocks_.allocate({bytes, alignment})) << bytes << " aligned to " << alignment;
    }
    EXPECT_FALSE(this->blocks_.resize(0, bytes)) << bytes;
    EXPECT_FALSE(this->blocks_.remap(0, bytes)) << bytes;
  }
  this->blocks_.check(0);
  this->blocks_.deallocate(0);
  EXPECT_TRUE(this->blocks_.allocate(this->sized(this->largest())));
}

TYPED_TEST_P(Conformance, ShrinkingKeepsTheContents) {
  ASSERT_TRUE(this->blocks_.allocate(this->sized(this->largest())));
  for (std::size_t bytes = this->largest(); bytes > 0; bytes = bytes * 3 / 4) this->blocks_.resize(0, bytes);
  this->blocks_.resize(0, 0);
}

TYPED_TEST_P(Conformance, GrowingKeepsTheContents) {
  ASSERT_TRUE(this->blocks_.allocate(this->sized(1)));
  this->blocks_.allocate(this->sized(1));  // a neighbour in the way of the first
  for (std::size_t bytes = 1; bytes <= this->largest(); bytes = bytes * 3 / 2 + 1) {
    this->blocks_.resize(0, bytes);
    this->blocks_.resize(this->blocks_.size() - 1, bytes);
  }
  this->blocks_.check_all();
}

TYPED_TEST_P(Conformance, RemappingKeepsTheContents) {
  ASSERT_TRUE(this->blocks_.allocate(this->sized(1)));
  this->blocks_.allocate(this->sized(1));
  for (const std::size_t bytes : this->sizes()) {
    this->blocks_.remap(0, bytes);
    this->blocks_.check_all();
  }
  for (std::size_t bytes = this->largest(); bytes > 0; bytes /= 3) this->blocks_.remap(0, bytes);
  this->blocks_.check_all();
}

TYPED_TEST_P(Conformance, RemappingKeepsTheAlignment) {
  for (std::size_t alignment = 1; alignment <= this->kTraits.max_alignment; alignment *= 4) {
    if (!this->blocks_.allocate({1, alignment})) continue;
    for (const std::size_t bytes : {this->largest(), this->largest() / 2, std::size_t{1}}) {
      this->blocks_.remap(0, bytes);
    }
    this->blocks_.deallocate(0);
  }
}

TYPED_TEST_P(Conformance, ExhaustionIsAFailureAndNoHarm) {
  constexpr std::size_t kEnough = 512;
  constexpr std::size_t kBytesEnough = std::size_t{8} << 20;
  std::size_t first = 0;
  for (int round = 0; round < 3; ++round) {
    while (this->blocks_.size() < kEnough && this->blocks_.live_bytes() < kBytesEnough &&
           this->blocks_.allocate(this->sized(this->largest()))) {
    }
    const std::size_t count = this->blocks_.size();
    if (round == 0) first = count;
    if (count == 0) break;
    if (count < kEnough && this->blocks_.live_bytes() < kBytesEnough) {
      this->blocks_.remap(count - 1, this->largest());  // full, and all operations still answer
      this->blocks_.resize(0, this->largest());
      this->blocks_.allocate(this->sized(this->largest()));
    }
    this->blocks_.check_all();
    if (this->kTraits.reuse == Reuse::kNone) break;
    EXPECT_GE(this->blocks_.size(), first) << "memory given back is not handed out again, round " << round;
    if (this->kTraits.reuse == Reuse::kAnyOrder) {
      for (std::size_t i = 0; i < this->blocks_.size() / 2; ++i) this->blocks_.deallocate(i);
    }
    this->blocks_.deallocate_all();
  }
  EXPECT_GE(first, 1U);
}

TYPED_TEST_P(Conformance, OwnsWhatItHandedOut) {
  int on_the_stack = 0;
  static int in_the_program = 0;
  const auto of_the_heap = std::make_unique<int>(0);
  std::vector<const void*> others = {&on_the_stack, &in_the_program, of_the_heap.get(), &this->blocks_};
  const auto denies_others = [&] {
    EXPECT_FALSE(this->allocator_.owns(nullptr));
    if (!this->kTraits.exact_owns) return;
    for (const void* p : others) EXPECT_FALSE(this->allocator_.owns(p));
    if constexpr (requires(TypeParam & c) { c.past_the_end(); }) {
      const void* end = this->case_->past_the_end();
      EXPECT_FALSE(this->allocator_.owns(end));
    }
  };
  denies_others();
  for (const std::size_t bytes : this->sizes()) {
    if (!this->blocks_.allocate(this->sized(bytes))) break;
    const auto& block = this->blocks_[this->blocks_.size() - 1];
    for (std::size_t i = 0; i < std::max<std::size_t>(bytes, 1); i += 1 + i / 8) {
      ASSERT_TRUE(this->allocator_.owns(block.at + i)) << "byte " << i << " of " << bytes;
    }
  }
  denies_others();
}

TYPED_TEST_P(Conformance, ResetForgetsEverything) {
  if constexpr (requires(TypeParam & c) { c.reset(); }) {
    std::size_t first = 0;
    for (int round = 0; round < 3; ++round) {
      while (this->blocks_.size() < 100 && this->blocks_.allocate(this->sized(this->largest() / 2))) {
      }
      if (round == 0) first = this->blocks_.size();
      EXPECT_GE(this->blocks_.size(), first) << "less room after a reset";
      this->blocks_.check_all();
      this->case_->reset();
      this->blocks_.forget_all();
    }
  }
  EXPECT_TRUE(this->blocks_.allocate(this->sized(this->largest())));
}

TYPED_TEST_P(Conformance, TheCallerReachesTheBottom) {
  if constexpr (requires(TypeParam & c) { c.probe(); }) {
    for (int i = 0; i < 500 && this->case_->probe().calls() == 0; ++i) {
      this->blocks_.allocate(this->sized(this->largest()));
    }
    EXPECT_GT(this->case_->probe().calls(), 0U) << "no request has come through the probe";
  }
}

REGISTER_TYPED_TEST_SUITE_P(Conformance, EverySizeIsWritableAndGivenBack, EveryAlignmentIsKept,
                            AlignmentBeyondTheLimitIsKeptOrRefused, ZeroBytesHaveAnAddressOfTheirOwn,
                            SizesThatCannotBeFail, ShrinkingKeepsTheContents, GrowingKeepsTheContents,
                            RemappingKeepsTheContents, RemappingKeepsTheAlignment,
                            ExhaustionIsAFailureAndNoHarm, OwnsWhatItHandedOut, ResetForgetsEverything,
                            TheCallerReachesTheBottom);

}  // namespace weir::test

#define WEIR_CONFORMANCE(Name, Case)                                         \
  namespace weir::test {                                                     \
  INSTANTIATE_TYPED_TEST_SUITE_P(Name, Conformance, ::testing::Types<Case>); \
  }                                                                          \
  static_assert(true)
