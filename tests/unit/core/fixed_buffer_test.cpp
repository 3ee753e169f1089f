// FixedBuffer and its kin.
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <span>

#include "core/fixed_buffer.hpp"
#include "tests/unit/core/conformance.hpp"
#include "tests/unit/core/fuzz.hpp"

namespace {

constexpr weir::test::Traits kBufferTraits{
    .max_bytes = std::size_t{64} << 10, .bounded = true, .reuse = weir::test::Reuse::kLastInFirstOut};
constexpr std::size_t kCapacity = std::size_t{9} << 20;  // room for a block at the largest alignment

template <typename Buffer>
struct Given {
  static constexpr weir::test::Traits kTraits = kBufferTraits;
  std::unique_ptr<std::byte[]> memory{new std::byte[kCapacity]};
  Buffer buffer{std::span(memory.get(), kCapacity)};
  auto& allocator() { return buffer; }
  void reset() { buffer.reset(); }
  const void* past_the_end() const { return memory.get() + kCapacity; }
  void finish() { EXPECT_LE(buffer.end_index(), buffer.peak()); }
};
using Local = Given<weir::FixedBuffer>;
using Shared = Given<weir::SharedFixedBuffer>;

template <typename Buffer>
struct Own {
  static constexpr weir::test::Traits kTraits = kBufferTraits;
  Buffer buffer;
  auto& allocator() { return buffer; }
  void reset() { buffer.reset(); }
};
using LocalOf = Own<weir::FixedBufferOf<kCapacity>>;
using SharedOf = Own<weir::SharedFixedBufferOf<kCapacity>>;

struct Nested {
  static constexpr weir::test::Traits kTraits = kBufferTraits;
  weir::FixedBufferOf<kCapacity + 64> outer;
  void* first = outer.allocate({13, 1});
  weir::FixedBuffer inner{std::span(static_cast<std::byte*>(outer.allocate({kCapacity})), kCapacity)};
  auto& allocator() { return inner; }
  void reset() { inner.reset(); }
};

TEST(FixedBuffer, CountsWhatIsUsedAndTheMostThatWas) {
  weir::FixedBufferOf<100> buffer;
  void* const first = buffer.allocate({10, 1});
  void* const second = buffer.allocate({8, 8});
  EXPECT_EQ(buffer.end_index(), 24U);
  EXPECT_EQ(buffer.allocate({77, 1}), nullptr);
  EXPECT_EQ(buffer.end_index(), 24U) << "a request that does not fit changes nothing";
  EXPECT_EQ(buffer.peak(), 24U);
  buffer.deallocate(first, {10, 1});
  EXPECT_EQ(buffer.end_index(), 24U) << "only the last one comes back";
  buffer.deallocate(second, {8, 8});
  EXPECT_EQ(buffer.end_index(), 16U);
  buffer.reset();
  EXPECT_EQ(buffer.end_index(), 0U);
  EXPECT_EQ(buffer.peak(), 24U);
  EXPECT_NE(buffer.allocate({100, 1}), nullptr);
  EXPECT_EQ(buffer.peak(), 100U);
}

TEST(FixedBuffer, TheLastBlockIsResizedInPlace) {
  weir::FixedBufferOf<100> buffer;
  void* const first = buffer.allocate({10, 1});
  EXPECT_TRUE(buffer.resize(first, {10, 1}, 100));
  EXPECT_FALSE(buffer.resize(first, {100, 1}, 101));
  EXPECT_EQ(buffer.end_index(), 100U);
  EXPECT_TRUE(buffer.resize(first, {100, 1}, 20));
  EXPECT_EQ(buffer.end_index(), 20U);
  void* const second = buffer.allocate({10, 1});
  EXPECT_FALSE(buffer.resize(first, {20, 1}, 21));
  EXPECT_TRUE(buffer.resize(first, {20, 1}, 5));
  EXPECT_EQ(buffer.end_index(), 30U);
  EXPECT_EQ(buffer.remap(second, {10, 1}, 80), second);
  EXPECT_EQ(buffer.remap(second, {80, 1}, 81), nullptr);
  EXPECT_EQ(buffer.end_index(), 100U);
}

TEST(FixedBuffer, OwnsWhatItHandedOutAndNoByteMore) {
  std::byte memory[32] = {};
  weir::FixedBuffer buffer(std::span<std::byte>(memory).subspan(8, 16));
  EXPECT_FALSE(buffer.owns(memory + 8));
  ASSERT_NE(buffer.allocate({16, 1}), nullptr);
  EXPECT_FALSE(buffer.owns(memory + 7));
  EXPECT_TRUE(buffer.owns(memory + 8));
  EXPECT_TRUE(buffer.owns(memory + 23));
  EXPECT_FALSE(buffer.owns(memory + 24));
}

}  // namespace

WEIR_CONFORMANCE(FixedBuffer, Local);
WEIR_CONFORMANCE(SharedFixedBuffer, Shared);
WEIR_CONFORMANCE(FixedBufferOf, LocalOf);
WEIR_CONFORMANCE(SharedFixedBufferOf, SharedOf);
WEIR_CONFORMANCE(NestedFixedBuffer, Nested);
WEIR_FUZZ(FixedBuffer, Local);
WEIR_FUZZ(FixedBufferOf, LocalOf);
WEIR_FUZZ(NestedFixedBuffer, Nested);
WEIR_FUZZ(SharedFixedBuffer, Shared);
