// What the static_asserts of size_classes.hpp leave out: every size, every alignment, every block of a span.
#include "shim/route/size_classes.hpp"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(SizeClasses, RiseByGranulesAndThenByQuarters) {
  EXPECT_EQ(size_of_class(0), kGranule);
  for (unsigned c = 1; c < kSizeClasses; ++c) {
    const std::size_t step = size_of_class(c) - size_of_class(c - 1);
    // Up to 128 every 16 bytes; then four to a doubling: a quarter of the power of two below.
    EXPECT_EQ(step, c < 8 ? 16 : std::bit_floor(size_of_class(c) - 1) / 4) << c;
    EXPECT_EQ(size_of_class(c) % kGranule, 0u) << c;
    EXPECT_EQ(kClassBytes[c], size_of_class(c)) << c;
  }
  EXPECT_EQ(size_of_class(kSizeClasses - 1), kMostPooled);
}

TEST(SizeClasses, EverySizeTakesTheSmallestThatHoldsIt) {
  unsigned expected = 0;
  for (std::size_t bytes = 0; bytes <= kMostPooled; ++bytes) {
    if (bytes > size_of_class(expected)) ++expected;
    ASSERT_EQ(class_of_size(bytes), expected) << bytes;
  }
  EXPECT_EQ(expected, kSizeClasses - 1);
}

TEST(SizeClasses, LoseAFifthAtMost) {
  for (std::size_t bytes = 129; bytes <= kMostPooled; ++bytes) {
    const std::size_t lost = size_of_class(class_of_size(bytes)) - bytes;
    ASSERT_LE(lost * 5, size_of_class(class_of_size(bytes))) << bytes;
  }
}

TEST(SizeClasses, AnAlignedOneIsTheSmallestWhoseMultiplesAreAligned) {
  for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    for (std::size_t bytes = 0; bytes <= kMostPooled; bytes += bytes < 5000 ? 1 : 61) {
      unsigned expected = 0;
      while (expected < kSizeClasses &&
             (size_of_class(expected) < bytes || size_of_class(expected) % alignment != 0)) {
        ++expected;
      }
      ASSERT_EQ(class_of_aligned(bytes, alignment), expected) << bytes << " at " << alignment;
    }
  }
}

TEST(SizeClasses, NoneIsAlignedBeyondTheLargest) {
  EXPECT_EQ(class_of_aligned(1, kMostPooled), kSizeClasses - 1);
  EXPECT_EQ(class_of_aligned(kMostPooled - 1, 4096), kSizeClasses - 1);
}

TEST(SizeClasses, DivideOffsetsOfAWholeSpan) {
  for (unsigned c = 0; c < kSizeClasses; ++c) {
    // The largest spans of pools are 8 blocks of 32 KiB; twice that is asked.
    for (unsigned i = 0; i * size_of_class(c) < std::size_t{512} << 10; ++i) {
      ASSERT_EQ(block_at(i * size_of_class(c), c), i) << size_of_class(c);
    }
  }
}

}  // namespace
}  // namespace weir
