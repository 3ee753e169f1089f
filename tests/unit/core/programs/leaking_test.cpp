// A test that fails: gtest_lines.py looks for the lines of the source in what it says.
#include <gtest/gtest.h>

#include "core/testing/gtest.hpp"
#include "core/typed.hpp"

namespace {

[[gnu::noinline]] int* make_number(weir::GtestAllocator& allocator) {
  return weir::create<int>(allocator, 7);  // line: leaks
}

}  // namespace

[[gnu::noinline]] static void free_twice(weir::GtestAllocator& allocator, int* number) {
  weir::destroy(allocator, number);  // line: frees
  weir::destroy(allocator, number);  // line: frees again
}

TEST(Leaking, Leaks) {
  weir::GtestAllocator allocator;
  make_number(allocator);
}

TEST(Leaking, FreesTwice) {
  weir::GtestAllocator allocator;
  free_twice(allocator, make_number(allocator));
}

// The parent has asked before.
TEST(Leaking, LeaksInAChild) {
  EXPECT_EXIT(
      {
        {
          weir::GtestAllocator allocator;
          make_number(allocator);
        }
        std::exit(HasFailure() ? 3 : 0);
      },
      ::testing::ExitedWithCode(3), "");
}
