// A test that fails on leaks and heap errors, without a line of its own for it: the fixture's allocator
// looks.
//
// Run by GoogleTest. Take the destroy() away, and it fails with the stack of the create().
#include <gtest/gtest.h>

#include <vector>

#include "core/memory_resource.hpp"
#include "core/testing/gtest.hpp"
#include "core/typed.hpp"

class Numbers : public ::testing::Test {
 protected:
  weir::GtestAllocator allocator;
};

TEST_F(Numbers, AreGivenBack) {
  int* number = weir::create<int>(allocator, 7);
  ASSERT_NE(number, nullptr);
  EXPECT_EQ(*number, 7);
  weir::destroy(allocator, number);
}

TEST_F(Numbers, InStandardContainersToo) {
  weir::MemoryResource memory(allocator);
  std::pmr::vector<int> numbers(&memory);
  for (int i = 0; i != 100; ++i) {
    numbers.push_back(i);
  }
  EXPECT_EQ(allocator.usage().live_blocks(), 1U);
}
