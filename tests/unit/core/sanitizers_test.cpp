// What AddressSanitizer knows of the allocators' memory: an overrun, a use after free, after reset, after rewind. Under
// Valgrind: programs/memcheck.cpp.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "core/arena.hpp"
#include "core/bump_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/pool.hpp"
#include "core/sanitizers.hpp"
#include "core/stack_fallback.hpp"
#include "core/thread_safe_pool.hpp"
#include "core/tiered_pool.hpp"

namespace weir::test {
namespace {

// Whether AddressSanitizer would stop at an access to this byte.
bool is_closed([[maybe_unused]] const void* at) {
#if WEIR_ASAN
  return __asan_address_is_poisoned(at) != 0;
#else
  return false;
#endif
}

class Sanitizers : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!WEIR_ASAN) GTEST_SKIP() << "built without AddressSanitizer";
  }
  static std::byte* bytes(void* block) { return static_cast<std::byte*>(block); }
};
using SanitizersDeathTest = Sanitizers;

struct Node {
  std::uint64_t words[5];
};

TEST_F(SanitizersDeathTest, AnOverrunInAnArenaIsFound) {
  Arena<> arena;
  auto* volatile first = static_cast<char*>(arena.allocate({24, 8}));
  arena.allocate({24, 8});
  EXPECT_DEATH(first[24] = 1, "use-after-poison") << "between two blocks in use";
}

TEST_F(SanitizersDeathTest, AUseAfterAResetIsFound) {
  Arena<> arena;
  auto* volatile block = static_cast<char*>(arena.allocate({24, 8}));
  arena.reset();
  EXPECT_DEATH(block[0] = 1, "use-after-poison");
}

TEST_F(SanitizersDeathTest, AUseAfterAReleaseIsFound) {
  Pool<Node> pool(page_allocator);
  Node* volatile node = pool.acquire();
  pool.release(node);
  EXPECT_DEATH(node->words[4] = 1, "use-after-poison");
}

TEST_F(Sanitizers, AnArenaKnowsEachByte) {
  Arena<> arena;
  for (const std::size_t size : {0UL, 1UL, 7UL, 8UL, 13UL, 100'000UL}) {
    std::byte* const block = bytes(arena.allocate({size, 1}));
    for (std::size_t i = 0; i < size; ++i) ASSERT_FALSE(is_closed(block + i)) << i;
    EXPECT_TRUE(is_closed(block + size)) << size;
  }
  const auto mark = arena.mark();
  std::byte* const kept = bytes(arena.allocate({40}));
  EXPECT_TRUE(arena.resize(kept, {40}, 90));
  EXPECT_FALSE(is_closed(kept + 89));
  EXPECT_TRUE(is_closed(kept + 90));
  std::byte* const last = bytes(arena.allocate({40}));
  EXPECT_TRUE(arena.resize(kept, {90}, 33)) << "not the last one";
  EXPECT_FALSE(is_closed(kept + 32));
  EXPECT_TRUE(is_closed(kept + 33));
  arena.deallocate(kept, {33});
  EXPECT_TRUE(is_closed(kept)) << "not used again, but not to be used either";
  EXPECT_FALSE(is_closed(last));
  std::byte* const other_chunk = bytes(arena.allocate({1'000'000}));
  arena.rewind(mark);
  EXPECT_TRUE(is_closed(last));
  EXPECT_TRUE(is_closed(other_chunk + 999'999));
}

TEST_F(Sanitizers, TheLastBlockOfAnArenaComesAndGoesInOnePlace) {
  Arena<> arena;
  void* const first = arena.allocate({24});
  for (int i = 0; i < 1000; ++i) {
    arena.deallocate(arena.allocate({24}), {24});
  }
  EXPECT_LE(bytes(arena.allocate({24})) - bytes(first), 64);
}

TEST_F(Sanitizers, AChunkIsFilledToItsEnd) {
  FixedBufferOf<4096> buffer;
  Arena<FixedBufferOf<4096>> arena(buffer, 1024);
  void* const first = arena.allocate({16, 1});
  const std::size_t rest = arena.query_capacity() - 16 - sanitizer::kGap;
  std::byte* const last = bytes(arena.allocate({rest, 1}));
  EXPECT_EQ(last, bytes(first) + 16 + sanitizer::kGap);
  EXPECT_FALSE(is_closed(last + rest - 1));
  arena.deallocate(last, {rest, 1});
  EXPECT_EQ(arena.allocate({rest, 1}), last) << "the last one, without a gap behind it";
}

TEST_F(Sanitizers, AChildGivesItsParentMemoryBack) {
  Arena<> parent;
  std::byte* block = nullptr;
  {
    Arena<Arena<>> child(parent, 256);
    block = bytes(child.allocate({40}));
    EXPECT_FALSE(is_closed(block + 39));
    EXPECT_TRUE(is_closed(block + 40));
  }
  EXPECT_TRUE(is_closed(block));
  std::byte* const again = bytes(parent.allocate({256}));
  for (std::size_t i = 0; i < 256; ++i) ASSERT_FALSE(is_closed(again + i));
}

TEST_F(Sanitizers, GivenMemoryIsItsOwnersAgain) {
  alignas(16) std::array<std::byte, 256> memory;
  const auto all_open = [&memory] {
    for (const std::byte& byte : memory) {
      if (is_closed(&byte)) return false;
    }
    return true;
  };
  {
    BumpAllocator bump(memory);
    std::byte* const block = bytes(bump.allocate({20, 1}));
    EXPECT_FALSE(is_closed(block + 19));
    EXPECT_TRUE(is_closed(block + 20));
    EXPECT_TRUE(is_closed(&memory.back()));
    bump.reset();
    EXPECT_TRUE(is_closed(block));
  }
  EXPECT_TRUE(all_open()) << "bump";
  {
    FixedBuffer buffer(memory);
    std::byte* const block = bytes(buffer.allocate({20, 1}));
    EXPECT_TRUE(buffer.resize(block, {20, 1}, 30));
    EXPECT_FALSE(is_closed(block + 29));
    EXPECT_TRUE(is_closed(block + 30));
    buffer.deallocate(block, {30, 1});
    EXPECT_TRUE(is_closed(block));
  }
  EXPECT_TRUE(all_open()) << "fixed buffer";
  {
    SharedFixedBuffer buffer(memory);
    EXPECT_TRUE(is_closed(memory.data() + 64)) << "from the beginning";
    std::byte* const block = bytes(buffer.allocate({20, 1}));
    EXPECT_FALSE(is_closed(block + 19));
    EXPECT_TRUE(is_closed(block + 24)) << "the next group of 8";
  }
  EXPECT_TRUE(all_open()) << "shared fixed buffer";
  {
    FixedPool pool(memory, {32, 16});
    std::byte* const block = bytes(pool.acquire());
    EXPECT_TRUE(is_closed(block + 32));
    pool.release(block);
    EXPECT_TRUE(is_closed(block));
    EXPECT_EQ(pool.acquire(), block);
    EXPECT_FALSE(is_closed(block));
  }
  EXPECT_TRUE(all_open()) << "fixed pool";
}

TEST_F(Sanitizers, AFixedBufferInAnObjectIsOpenWhenThatGoes) {
  alignas(FixedBufferOf<128>) std::byte place[sizeof(FixedBufferOf<128>)];
  auto* const buffer = std::construct_at(reinterpret_cast<FixedBufferOf<128>*>(place));
  std::byte* const block = bytes(buffer->allocate({8}));
  EXPECT_TRUE(is_closed(block + 8));
  std::destroy_at(buffer);
  EXPECT_FALSE(is_closed(block + 8));
}

TEST_F(Sanitizers, APoolOpensWhatIsAcquired) {
  Pool<Node> pool(page_allocator);
  Node* const first = pool.acquire();
  Node* const second = pool.acquire();
  EXPECT_TRUE(is_closed(first + 1)) << "between them";
  EXPECT_FALSE(is_closed(&second->words[4]));
  EXPECT_TRUE(pool.release(first));
  EXPECT_TRUE(is_closed(first));
  EXPECT_FALSE(pool.release(first)) << "found out nevertheless";
  EXPECT_TRUE(pool.release(second));
  EXPECT_EQ(pool.acquire(), second);
  EXPECT_FALSE(is_closed(second));

  Pool<std::vector<int>, PageAllocator, Keep<AsItWas>> kept(page_allocator);
  std::vector<int>* const list = kept.acquire(std::size_t{3}, 7);
  EXPECT_TRUE(kept.release(list));
  EXPECT_TRUE(is_closed(list));
  EXPECT_EQ(kept.acquire()->back(), 7);
}

TEST_F(Sanitizers, ATieredPoolOpensItsClass) {
  TieredPool<PageAllocator> pool(page_allocator);
  std::byte* const block = bytes(pool.allocate({40}, nullptr));
  EXPECT_FALSE(is_closed(block + 47));
  EXPECT_TRUE(is_closed(block + 48));
  pool.deallocate(block, {40}, nullptr);
  EXPECT_TRUE(is_closed(block));
}

TEST_F(Sanitizers, SharedPoolsCloseWhatLiesInAShard) {
  SharedPool<Node> pool(page_allocator);
  Node* const first = pool.acquire();
  pool.acquire();
  EXPECT_TRUE(pool.release(first));
  EXPECT_TRUE(is_closed(first));
  EXPECT_FALSE(pool.release(first));
  EXPECT_EQ(pool.acquire(), first);
  EXPECT_FALSE(is_closed(first));
}

// Blocks of two threads in one group of 8 bytes: neither is closed by what the other tells.
TEST_F(Sanitizers, ThreadsInOneBufferDoNotCloseEachOthersBlocks) {
  SharedFixedBufferOf<30'000> buffer;
  const auto fill = [&buffer] {
    while (auto* block = static_cast<char*>(buffer.allocate({3, 1}))) {
      std::memset(block, 1, 3);
      if (buffer.resize(block, {3, 1}, 1)) block[0] = 2;
    }
  };
  std::thread one(fill);
  std::thread other(fill);
  one.join();
  other.join();
  EXPECT_GE(buffer.end_index(), 29'990U);
}

}  // namespace
}  // namespace weir::test
