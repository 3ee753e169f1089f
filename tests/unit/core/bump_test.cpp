// BumpAllocator.
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "core/bump_allocator.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

struct Bump {
  static constexpr weir::test::Traits kTraits{
      .max_bytes = std::size_t{64} << 10, .bounded = true, .reuse = weir::test::Reuse::kNone};
  std::vector<std::byte> memory = std::vector<std::byte>(std::size_t{16} << 20);
  weir::BumpAllocator bump{memory};
  auto& allocator() { return bump; }
  void reset() { bump.reset(); }
  const void* past_the_end() const { return memory.data() + memory.size(); }
};

TEST(Bump, FillsItsMemoryToTheLastByte) {
  alignas(16) std::byte memory[64];
  weir::BumpAllocator bump(memory);
  EXPECT_EQ(bump.allocate({1, 1}), memory);
  EXPECT_EQ(bump.allocate({8, 8}), memory + 8);
  EXPECT_FALSE(bump.owns(memory + 16)) << "not handed out yet";
  EXPECT_EQ(bump.allocate({49, 1}), nullptr);
  EXPECT_EQ(bump.allocate({48, 1}), memory + 16);
  EXPECT_EQ(bump.allocate({0, 1}), nullptr);
  EXPECT_EQ(bump.used(), bump.capacity());
  bump.reset();
  EXPECT_EQ(bump.allocate({64, 1}), memory);
  EXPECT_TRUE(bump.owns(memory + 63));
  EXPECT_FALSE(bump.owns(memory + 64));
}

TEST(Bump, WithoutMemoryHasNothing) {
  weir::BumpAllocator bump;
  EXPECT_EQ(bump.allocate({0, 1}), nullptr);
  EXPECT_FALSE(bump.owns(nullptr));
}

}  // namespace

WEIR_CONFORMANCE(Bump, Bump);
WEIR_FUZZ(Bump, Bump);
