// DebugAllocator and TestingAllocator: each kind of misuse is found, told once with its stacks,
// and fails a GoogleTest.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/debug_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/testing/gtest.hpp"
#include "core/typed.hpp"
#include "core/wrap/counting.hpp"

namespace weir {
namespace {

// What a TestingAllocator says, with stacks that the test makes up.
class Reports : public ::testing::Test {
 protected:
  static constexpr Layout kBlock{24, 8};

  static inline std::vector<std::uintptr_t> now;  // the stack of the next call
  static std::size_t capture(CallerAddress* frames, std::size_t most) noexcept {
    std::size_t depth = 0;
    for (const std::uintptr_t frame : now) {
      if (depth != most) {
        frames[depth++] = reinterpret_cast<CallerAddress>(frame);
      }
    }
    return depth;
  }
  static void name(CallerAddress address, Line& line) noexcept {
    line.text("f").number(address_of(address) / 0x1000);
  }
  static void keep(void* to, std::string_view message) noexcept {
    static_cast<std::vector<std::string>*>(to)->emplace_back(message);
  }

  // The one message since the last, with the block's address as BLOCK.
  std::string told(const void* block) {
    EXPECT_EQ(messages.size(), 1U);
    std::string text = messages.empty() ? "" : messages[0];
    messages.clear();
    Line address;
    address.address(block);
    const std::size_t at = text.find(address.view());
    return at == std::string::npos ? text : text.replace(at, address.view().size(), "BLOCK");
  }
  void TearDown() override {
    allocator.finish();
    EXPECT_TRUE(messages.empty()) << messages[0];
  }

  std::vector<std::string> messages;
  TestingAllocator allocator{{keep, &messages, capture, name}};
};

TEST_F(Reports, NothingOfGoodUse) {
  now = {0x1000};
  void* a = allocator.allocate(kBlock);
  std::memset(a, 1, 24);
  EXPECT_TRUE(allocator.owns(a));
  a = allocator.remap(a, kBlock, 100000);
  std::memset(a, 1, 100000);
  EXPECT_EQ(allocator.check(), 0U);
  allocator.deallocate(a, {100000, 8});
  EXPECT_EQ(allocator.usage().live_blocks(), 0U);
  EXPECT_EQ(allocator.finish(), 0U);
}

TEST_F(Reports, ALeakWithItsStack) {
  now = {0x1000, 0x2000};
  const void* a = allocator.allocate(kBlock);
  EXPECT_EQ(allocator.finish(), 1U);
  EXPECT_EQ(told(a), "leak: 24 bytes at BLOCK\n  allocated at\n    #0 0x1000 f1\n    #1 0x2000 f2");
  EXPECT_EQ(allocator.finish(), 0U) << "told once, and given back";
}

TEST_F(Reports, LeaksInTheirOrderAndNotTooMany) {
  now = {0x1000};
  for (std::size_t i = 1; i <= 40; ++i) {
    ASSERT_NE(allocator.allocate({i, 1}), nullptr);
  }
  EXPECT_EQ(allocator.finish(), 40U);
  ASSERT_EQ(messages.size(), 17U);
  EXPECT_EQ(messages[0].substr(0, 16), "leak: 1 bytes at");
  EXPECT_EQ(messages[15].substr(0, 17), "leak: 16 bytes at");
  EXPECT_EQ(messages[16], "leak: 24 more blocks");
  messages.clear();
}

TEST_F(Reports, ADoubleFreeWithAllThreeStacks) {
  now = {0x1000};
  void* a = allocator.allocate(kBlock);
  now = {0x2000};
  allocator.deallocate(a, kBlock);
  now = {0x3000};
  allocator.deallocate(a, kBlock);
  EXPECT_EQ(told(a),
            "double free: 24 bytes at BLOCK\n  found at\n    #0 0x3000 f3\n  allocated at\n    #0 0x1000 f1\n"
            "  freed at\n    #0 0x2000 f2");
  EXPECT_FALSE(allocator.resize(a, kBlock, 8));
  EXPECT_EQ(told(a).substr(0, 11), "double free");
}

TEST_F(Reports, AWrongSizeAndAlignment) {
  now = {0x1000};
  void* a = allocator.allocate(kBlock);
  now = {0x2000};
  allocator.deallocate(a, {25, 8});
  EXPECT_EQ(told(a),
            "wrong size: 24 bytes at BLOCK, given as 25\n  found at\n    #0 0x2000 f2\n  allocated at\n"
            "    #0 0x1000 f1");
  void* b = allocator.allocate(kBlock);
  allocator.deallocate(b, {24, 16});
  EXPECT_EQ(told(b).substr(0, 60), "wrong alignment: 24 bytes at BLOCK aligned to 8, given as 16");
  EXPECT_EQ(allocator.allocate({8, 3}), nullptr);
  EXPECT_EQ(told(nullptr).substr(0, 27), "alignment is no power of tw");
}

TEST_F(Reports, AStranger) {
  int stranger = 0;
  now = {0x1000};
  allocator.deallocate(&stranger, Layout::of<int>());
  EXPECT_EQ(told(&stranger), "unknown block: 4 bytes at BLOCK\n  found at\n    #0 0x1000 f1");
}

TEST_F(Reports, WritesOutsideOfABlock) {
  now = {0x1000};
  auto* a = static_cast<char*>(allocator.allocate(kBlock));
  a[24] ^= 1;
  now = {0x2000};
  allocator.deallocate(a, kBlock);
  EXPECT_EQ(
      told(a),
      "written behind a block: 24 bytes at BLOCK, offset 24\n  found at\n    #0 0x2000 f2\n  allocated at\n"
      "    #0 0x1000 f1");
  auto* b = static_cast<char*>(allocator.allocate(kBlock));
  b[-1] ^= 1;
  EXPECT_EQ(allocator.check(), 1U);
  EXPECT_EQ(told(b).substr(0, 65), "written in front of a block: 24 bytes at BLOCK, offset -1\n  alloc");
  b[-1] ^= 1;
  allocator.deallocate(b, kBlock);
}

TEST_F(Reports, AWriteAfterFreeWithBothStacks) {
  now = {0x1000};
  auto* a = static_cast<char*>(allocator.allocate(kBlock));
  now = {0x2000};
  allocator.deallocate(a, kBlock);
  a[5] = 7;
  EXPECT_EQ(allocator.finish(), 0U);
  EXPECT_EQ(told(a),
            "written after free: 24 bytes at BLOCK, offset 5\n  allocated at\n    #0 0x1000 f1\n  freed at\n"
            "    #0 0x2000 f2");
}

// The frames of the allocator itself are left out where the caller is among them, or just behind it.
TEST_F(Reports, StacksBeginAtTheCaller) {
  now = {0x1000, 0x2010, 0x3000};
  const void* a = allocator.allocate(kBlock, reinterpret_cast<CallerAddress>(std::uintptr_t{0x2010}));
  const void* b = allocator.allocate(kBlock, reinterpret_cast<CallerAddress>(std::uintptr_t{0x2000}));
  const void* c = allocator.allocate(kBlock, reinterpret_cast<CallerAddress>(std::uintptr_t{0x9000}));
  now = {};
  const void* d = allocator.allocate(kBlock, reinterpret_cast<CallerAddress>(std::uintptr_t{0x9000}));
  EXPECT_TRUE(a != nullptr && b != nullptr && c != nullptr && d != nullptr);
  allocator.finish();
  ASSERT_EQ(messages.size(), 4U);
  const auto stack = [this](std::size_t i) { return messages[i].substr(messages[i].find('\n')); };
  EXPECT_EQ(stack(0), "\n  allocated at\n    #0 0x2010 f2\n    #1 0x3000 f3");
  EXPECT_EQ(stack(1), stack(0));
  EXPECT_EQ(stack(2), "\n  allocated at\n    #0 0x1000 f1\n    #1 0x2010 f2\n    #2 0x3000 f3");
  EXPECT_EQ(stack(3), "\n  allocated at\n    #0 0x9000 f9");
  messages.clear();
}

TEST(Debug, GivesEverythingBackToWhatIsBelow) {
  std::vector<DebugReport> reports;
  Counting pages(page_allocator);
  {
    DebugAllocator debug(pages, {.handler = {[](void* to, const DebugReport& report) noexcept {
                                               static_cast<std::vector<DebugReport>*>(to)->push_back(report);
                                             },
                                             &reports}});
    const int caller = 0;
    for (std::size_t i = 0; i != 200; ++i) {
      void* block = debug.allocate({i, 8}, &caller);
      if (i % 4 != 0) {
        debug.deallocate(block, {i, 8}, &caller);
      }
    }
    EXPECT_EQ(debug.usage().live_blocks(), 50U);
    EXPECT_GT(pages.counts().live_blocks(), 150U) << "what was freed is held back";
    std::size_t listed = 0;
    debug.for_each_live([&](const LiveBlock& block) {
      EXPECT_EQ(static_cast<const CallStack*>(block.caller)->caller, &caller);
      ++listed;
    });
    EXPECT_EQ(listed, 50U);
    EXPECT_EQ(debug.finish(), 50U);
    ASSERT_EQ(reports.size(), 50U);
    EXPECT_EQ(reports[0].misuse.kind, MisuseKind::leak);
    EXPECT_EQ(reports[0].misuse.allocated_by, &caller);
    EXPECT_EQ(pages.counts().live_blocks(), 0U);

    void* again = debug.allocate({10, 8});
    ASSERT_NE(again, nullptr) << "it may go on";
  }
  EXPECT_EQ(reports.size(), 51U) << "the destructor tells, too";
  EXPECT_EQ(pages.counts().live_blocks(), 0U);
}

TEST(Debug, LogsWhenAsked) {
  std::vector<std::string> lines;
  TextSink sink{[](void* to, std::string_view line) noexcept {
                  static_cast<std::vector<std::string>*>(to)->emplace_back(line.substr(0, line.find(' ')));
                },
                &lines};
  DebugAllocator debug(DebugOptions{.log = log_text(sink)});
  void* block = debug.allocate({10, 8});
  debug.resize(block, {10, 8}, 20);
  block = debug.remap(block, {20, 8}, 10);
  debug.deallocate(block, {10, 8});
  EXPECT_EQ(lines, (std::vector<std::string>{"allocate", "resize", "remap", "deallocate"}));
}

TEST(DebugDeathTest, EndsTheProcessWithoutAHandler) {
  DebugAllocator debug;
  int stranger = 0;
  EXPECT_DEATH(debug.deallocate(&stranger, Layout::of<int>()), "");
}

// The glue: what fails a test, with real stacks. Outer functions have names only in a program that exports
// them, so those of the C library and of GoogleTest are looked for.
void leak() {
  GtestAllocator allocator;
  create<int>(allocator, 7);
}
void free_twice() {
  GtestAllocator allocator;
  int* number = create<int>(allocator, 7);
  destroy(allocator, number);
  destroy(allocator, number);
}
void free_with_wrong_size() {
  GtestAllocator allocator;
  allocator.deallocate(allocator.allocate({8, 8}), {16, 8});
}
void free_with_wrong_alignment() {
  GtestAllocator allocator;
  allocator.deallocate(allocator.allocate({8, 8}), {8, 4});
}
void write_behind() {
  GtestAllocator allocator;
  auto* block = static_cast<char*>(allocator.allocate({8, 8}));
  block[8] = static_cast<char>(block[8] + 1);
  allocator.deallocate(block, {8, 8});
}

TEST(Gtest, FailsTheRunningTest) {
  EXPECT_NONFATAL_FAILURE(leak(), "leak: 4 bytes at 0x");
  EXPECT_NONFATAL_FAILURE(free_twice(), "double free: 4 bytes at 0x");
  EXPECT_NONFATAL_FAILURE(free_with_wrong_size(), "wrong size: 8 bytes at 0x");
  EXPECT_NONFATAL_FAILURE(free_with_wrong_alignment(), "wrong alignment: 8 bytes at 0x");
  EXPECT_NONFATAL_FAILURE(write_behind(), "written behind a block: 8 bytes at 0x");
}

TEST(Gtest, ShowsNamedStacksOfAllocationAndFree) {
  ::testing::TestPartResultArray results;
  {
    ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    free_twice();
  }
  ASSERT_EQ(results.size(), 1);
  const std::string message = results.GetTestPartResult(0).message();
  for (const char* title :
       {"\n  found at\n    #0 0x", "\n  allocated at\n    #0 0x", "\n  freed at\n    #0 0x"}) {
    EXPECT_NE(message.find(title), std::string::npos) << message;
  }
  EXPECT_NE(message.find("__libc_start_main"), std::string::npos) << message;
  EXPECT_NE(message.find("(libc.so.6+0x"), std::string::npos) << message;
}

TEST(Gtest, IsSilentOfGoodUseFromThreads) {
  GtestAllocator allocator;
  std::vector<std::thread> threads;
  for (int i = 0; i != 4; ++i) {
    threads.emplace_back([&allocator] {
      for (int round = 0; round != 200; ++round) {
        destroy(allocator, create<int>(allocator, round));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace weir
