// What the checking wrappers find: Tracking, Validating, Quarantine; and what they leave alone.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/fixed_buffer.hpp"
#include "core/wrap/failing.hpp"
#include "core/wrap/heap_picture.hpp"
#include "core/wrap/quarantine.hpp"
#include "core/wrap/tracking.hpp"
#include "core/wrap/validating.hpp"

namespace weir {
namespace {

CallerAddress caller(std::uintptr_t number) {
  return reinterpret_cast<CallerAddress>(number);
}

class Checks : public ::testing::Test {
 protected:
  static void add(void* to, const Misuse& misuse) noexcept {
    static_cast<std::vector<Misuse>*>(to)->push_back(misuse);
  }
  void TearDown() override {
    EXPECT_EQ(reports.size(), expected) << "reports that the test does not know of";
  }

  // The one report that has come since the last call.
  Misuse next() {
    EXPECT_EQ(reports.size(), expected + 1);
    return reports.size() > expected ? reports[expected++] : Misuse{};
  }

  std::vector<Misuse> reports;
  std::size_t expected = 0;
  MisuseHandler handler{add, &reports};
  FixedBufferOf<16384> buffer;
};

TEST_F(Checks, TrackingListsLiveBlocksInTheirOrder) {
  std::uint64_t time = 100;
  Tracking tracking(buffer, handler,
                    {[](void* t) noexcept { return (*static_cast<std::uint64_t*>(t))++; }, &time});
  std::vector<void*> blocks;
  for (std::size_t i = 0; i != 300; ++i) {
    blocks.push_back(tracking.allocate({i % 40, 8}, caller(1000 + i)));
  }
  for (std::size_t i = 0; i != 300; i += 2) {
    tracking.deallocate(blocks[i], {i % 40, 8});
  }
  EXPECT_EQ(tracking.usage().live_blocks(), 150U);
  std::size_t i = 1;
  tracking.for_each_live([&](const LiveBlock& block) {
    EXPECT_EQ(block.address(), blocks[i]);
    EXPECT_EQ(block.layout, (Layout{i % 40, 8}));
    EXPECT_EQ(block.caller, caller(1000 + i));
    EXPECT_EQ(block.number, i + 1);
    EXPECT_EQ(block.time, 100 + i);
    i += 2;
  });
  EXPECT_EQ(i, 301U);
}

TEST_F(Checks, TrackingFollowsSizes) {
  Tracking tracking(buffer, handler);
  void* a = tracking.allocate({100, 16}, caller(1));
  EXPECT_TRUE(tracking.resize(a, {100, 16}, 200, caller(2)));
  tracking.allocate({1, 1}, caller(3));
  void* b = tracking.remap(a, {200, 16}, 300, caller(4));
  ASSERT_NE(b, a);
  const LiveBlock* live = tracking.find_live(b);
  ASSERT_NE(live, nullptr);
  EXPECT_EQ(live->layout.bytes, 300U);
  EXPECT_EQ(live->caller, caller(1)) << "who allocated it, not who made it larger";
  EXPECT_EQ(live->number, 1U);
  EXPECT_EQ(tracking.find_live(a), nullptr);
  EXPECT_EQ(tracking.usage().live_bytes, 301U);
  EXPECT_EQ(tracking.usage().total_bytes, 301U);
  EXPECT_EQ(tracking.usage().peak_bytes, 301U);

  EXPECT_EQ(tracking.report_leaks(handler), 2U);
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].kind, MisuseKind::leak);
  EXPECT_EQ(reports[0].block, b);
  EXPECT_EQ(reports[0].known.bytes, 300U);
  EXPECT_EQ(reports[0].allocated_by, caller(1));
  EXPECT_EQ(reports[1].allocated_by, caller(3));
  expected = 2;
}

TEST_F(Checks, TrackingStopsUnknownBlocks) {
  Tracking tracking(buffer, handler);
  void* a = tracking.allocate({8, 8}, caller(1));
  const std::size_t end = buffer.end_index();
  tracking.deallocate(static_cast<char*>(a) + 1, {8, 8}, caller(2));
  Misuse report = next();
  EXPECT_EQ(report.kind, MisuseKind::unknown_block);
  EXPECT_EQ(report.block, static_cast<char*>(a) + 1);
  EXPECT_EQ(report.caller, caller(2));
  tracking.deallocate(a, {8, 8}, caller(3));
  tracking.deallocate(a, {8, 8}, caller(4));
  EXPECT_EQ(next().caller, caller(4));
  EXPECT_FALSE(tracking.resize(a, {8, 8}, 4));
  EXPECT_EQ(next().kind, MisuseKind::unknown_block);
  EXPECT_EQ(tracking.remap(a, {8, 8}, 4), nullptr);
  EXPECT_EQ(next().kind, MisuseKind::unknown_block);
  EXPECT_EQ(buffer.end_index(), end - 8) << "freed below once";
}

TEST_F(Checks, TrackingGivesTheRightLayoutOn) {
  Tracking tracking(buffer, handler);
  void* a = tracking.allocate({64, 8}, caller(1));
  tracking.deallocate(a, {63, 16}, caller(2));
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].kind, MisuseKind::wrong_size);
  EXPECT_EQ(reports[1].kind, MisuseKind::wrong_alignment);
  EXPECT_EQ(reports[1].given, (Layout{63, 16}));
  EXPECT_EQ(reports[1].known, (Layout{64, 8}));
  EXPECT_EQ(reports[1].allocated_by, caller(1));
  EXPECT_EQ(buffer.end_index(), 0U) << "the buffer's last block came back: with its own size";
  expected = 2;
}

TEST_F(Checks, TrackingHandsOutOnlyWhatItCanRecord) {
  FixedBufferOf<8192> records;
  Tracking tracking(buffer, records, handler);
  std::size_t count = 0;
  while (tracking.allocate({1, 1}) != nullptr) {
    ++count;
  }
  EXPECT_GT(count, 40U);
  EXPECT_EQ(buffer.end_index(), count) << "the request that failed did not get below";
  std::size_t listed = 0;
  tracking.for_each_live([&listed](const LiveBlock&) { ++listed; });
  EXPECT_EQ(listed, count);
}

TEST_F(Checks, TrackingForgetsWhatAResetGaveBack) {
  Tracking tracking(buffer, handler);
  tracking.allocate({8, 8}, caller(1));
  buffer.reset();
  void* again = tracking.allocate({16, 8}, caller(2));  // the same address, and nobody said a word
  EXPECT_EQ(tracking.usage().live_bytes, 16U);
  EXPECT_EQ(tracking.find_live(again)->caller, caller(2));
  tracking.forget_live();
  EXPECT_EQ(tracking.usage().live_blocks(), 0U);
  EXPECT_EQ(tracking.report_leaks(handler), 0U);
}

TEST_F(Checks, PictureShowsTakenAndFreeCells) {
  alignas(1024) static std::byte memory[8192];
  FixedBuffer aligned{std::span<std::byte>(memory)};
  Tracking tracking(aligned, handler);
  void* a = tracking.allocate({64, 1});
  void* b = tracking.allocate({40, 1});
  void* c = tracking.allocate({152, 1});
  void* gap = tracking.allocate({4000, 1});
  tracking.allocate({1, 1});
  tracking.deallocate(b, {40, 1});
  tracking.deallocate(gap, {4000, 1});
  std::vector<std::string> lines;
  const TextSink sink{[](void* to, std::string_view line) noexcept {
                        static_cast<std::vector<std::string>*>(to)->emplace_back(line);
                      },
                      &lines};
  draw_heap(tracking, sink, {.bytes_per_cell = 32, .cells_per_row = 16});
  ASSERT_EQ(lines.size(), 3U);
  Line first;
  EXPECT_EQ(lines[0], std::string(first.address(a).view()) + " ##.+####........");
  EXPECT_EQ(lines[1], "...");
  EXPECT_EQ(lines[2].substr(lines[2].find(' ')), " .....+..........");
  EXPECT_NE(c, nullptr);
}

TEST_F(Checks, ValidatingFindsTheFirstDamagedByte) {
  Validating validating(buffer, handler);
  auto* a = static_cast<unsigned char*>(validating.allocate({24, 8}, caller(1)));
  EXPECT_EQ(validating.check_all(), 0U);
  a[26] ^= 1;
  EXPECT_EQ(validating.check_all(caller(2)), 1U);
  Misuse report = next();
  EXPECT_EQ(report.kind, MisuseKind::back_overwritten);
  EXPECT_EQ(report.block, a);
  EXPECT_EQ(report.known.bytes, 24U);
  EXPECT_EQ(report.offset, 26);
  EXPECT_EQ(report.caller, caller(2));
  EXPECT_EQ(report.allocated_by, caller(1));
  a[26] ^= 1;
  a[-3] ^= 0x80;
  validating.deallocate(a, {24, 8}, caller(3));
  report = next();
  EXPECT_EQ(report.kind, MisuseKind::front_overwritten);
  EXPECT_EQ(report.offset, -3);
  EXPECT_EQ(report.caller, caller(3));
}

TEST_F(Checks, ValidatingSeesEveryByteOfBothCanaries) {
  Validating validating(buffer, handler);
  for (std::size_t alignment = 1; alignment <= 64; alignment *= 2) {
    for (const std::size_t bytes : {0U, 1U, 13U, 32U}) {
      auto* a = static_cast<unsigned char*>(validating.allocate({bytes, alignment}));
      for (std::ptrdiff_t i = -static_cast<std::ptrdiff_t>(Canary::kBytes);
           i != static_cast<std::ptrdiff_t>(bytes + Canary::kBytes); ++i) {
        if (i < 0 || i >= static_cast<std::ptrdiff_t>(bytes)) {
          a[i] ^= 0xFF;
          EXPECT_EQ(validating.check_all(), 1U) << i;
          EXPECT_EQ(next().offset, i);
          a[i] ^= 0xFF;
        }
      }
      validating.deallocate(a, {bytes, alignment});
    }
  }
}

TEST_F(Checks, ValidatingIsNotTakenInByACopiedCanary) {
  Validating validating(buffer, handler);
  auto* a = static_cast<unsigned char*>(validating.allocate({32, 8}));
  auto* b = static_cast<unsigned char*>(validating.allocate({32, 8}));
  std::memcpy(b + 32, a + 32, Canary::kBytes);
  validating.deallocate(b, {32, 8});
  EXPECT_EQ(next().kind, MisuseKind::back_overwritten);
}

TEST_F(Checks, ValidatingChecksWhereSizesChange) {
  Validating validating(buffer, handler);
  auto* a = static_cast<unsigned char*>(validating.allocate({10, 8}));
  a[10] ^= 1;
  EXPECT_TRUE(validating.resize(a, {10, 8}, 20, caller(5)));
  EXPECT_EQ(next().caller, caller(5));
  a[20] ^= 1;
  validating.allocate({1, 1});
  auto* b = static_cast<unsigned char*>(validating.remap(a, {20, 8}, 64, caller(6)));
  EXPECT_EQ(next().offset, 20);
  EXPECT_NE(b, a);
  EXPECT_EQ(validating.check_all(), 0U) << "and the canaries are where they belong after both";
  EXPECT_EQ(b[63], (Validating<FixedBufferOf<16384>>::kNew));
}

TEST_F(Checks, ValidatingFillsWhatIsNewAndWhatIsGone) {
  Validating validating(buffer, handler);
  auto* a = static_cast<unsigned char*>(validating.allocate({4, 8}));
  EXPECT_EQ(std::string(a, a + 4), std::string(4, '\xA5'));
  std::memset(a, 1, 4);
  EXPECT_TRUE(validating.resize(a, {4, 8}, 6));
  EXPECT_EQ(std::string(a, a + 6), std::string("\1\1\1\1\xA5\xA5"));
  validating.deallocate(a, {6, 8});
  const auto seen = [](const unsigned char* freed) {
    const sanitizer::Access access(freed, 8);
    return std::string(freed, freed + 6);
  };
  EXPECT_EQ(seen(a), std::string(6, '\xDD'));

  Validating quiet(buffer, handler, {.fill_new = false, .fill_freed = false});
  auto* b = static_cast<unsigned char*>(quiet.allocate({6, 8}));
  EXPECT_EQ(b, a);
  EXPECT_EQ(std::string(b, b + 6), std::string(6, '\xDD')) << "as it was";
  std::memset(b, 2, 6);
  quiet.deallocate(b, {6, 8});
  EXPECT_EQ(seen(b), std::string(6, '\2'));
}

TEST_F(Checks, ValidatingHoldsTheCallerToTheContract) {
  Validating validating(buffer, handler);
  EXPECT_EQ(validating.allocate({8, 24}, caller(1)), nullptr);
  EXPECT_EQ(next().kind, MisuseKind::bad_alignment);
  EXPECT_EQ(validating.allocate({8, 0}), nullptr);
  EXPECT_EQ(next().given.alignment, 0U);
  void* a = validating.allocate({8, 8}, caller(2));
  validating.deallocate(a, {9, 8});
  Misuse report = next();
  EXPECT_EQ(report.kind, MisuseKind::wrong_size);
  EXPECT_EQ(report.given.bytes, 9U);
  EXPECT_EQ(report.known.bytes, 8U);
  validating.deallocate(a, {8, 8});
  EXPECT_EQ(next().kind, MisuseKind::unknown_block);
  EXPECT_EQ(buffer.end_index(), 0U);
}

TEST_F(Checks, QuarantineHoldsBackWithinItsBudget) {
  Quarantine quarantine(buffer, handler, {.blocks = 3, .bytes = 100});
  void* blocks[6];
  for (void*& block : blocks) {
    block = quarantine.allocate({20, 4});
  }
  for (int i = 0; i != 5; ++i) {
    quarantine.deallocate(blocks[i], {20, 4});
  }
  EXPECT_EQ(quarantine.held_blocks(), 3U);
  EXPECT_EQ(quarantine.held_bytes(), 60U);
  EXPECT_EQ(quarantine.find(blocks[1]), nullptr) << "the oldest went first";
  EXPECT_NE(quarantine.find(blocks[2]), nullptr);
  void* large = quarantine.allocate({90, 2});
  quarantine.deallocate(large, {90, 2});
  EXPECT_EQ(quarantine.held_blocks(), 1U);
  EXPECT_EQ(quarantine.held_bytes(), 90U);
  void* larger = quarantine.allocate({101, 1});
  const std::size_t end = buffer.end_index();
  quarantine.deallocate(larger, {101, 1});
  EXPECT_EQ(buffer.end_index(), end - 101) << "what is larger than the budget is not held";
  quarantine.flush();
  EXPECT_EQ(quarantine.held_blocks(), 0U);
}

TEST_F(Checks, QuarantineSeesWritesAfterFree) {
  Quarantine quarantine(buffer, handler, {.blocks = 2});
  auto* a = static_cast<unsigned char*>(quarantine.allocate({40, 8}, caller(1)));
  quarantine.deallocate(a, {40, 8}, caller(2));
  EXPECT_EQ(quarantine.check_all(), 0U);
  a[39] = 0;
  EXPECT_EQ(quarantine.check_all(), 1U);
  Misuse report = next();
  EXPECT_EQ(report.kind, MisuseKind::written_after_free);
  EXPECT_EQ(report.block, a);
  EXPECT_EQ(report.offset, 39);
  EXPECT_EQ(report.freed_by, caller(2));
  quarantine.flush();
  EXPECT_EQ(next().offset, 39) << "looked at when it leaves, too";
}

TEST_F(Checks, QuarantineTellsDoubleFrees) {
  Quarantine quarantine(buffer, handler);
  void* a = quarantine.allocate({40, 8}, caller(1));
  quarantine.deallocate(a, {40, 8}, caller(2));
  quarantine.deallocate(a, {40, 8}, caller(3));
  Misuse report = next();
  EXPECT_EQ(report.kind, MisuseKind::double_free);
  EXPECT_EQ(report.caller, caller(3));
  EXPECT_EQ(report.freed_by, caller(2));
  EXPECT_FALSE(quarantine.resize(a, {40, 8}, 10, caller(4)));
  EXPECT_EQ(next().kind, MisuseKind::double_free);
  EXPECT_EQ(quarantine.remap(a, {40, 8}, 10, caller(5)), nullptr);
  EXPECT_EQ(next().kind, MisuseKind::double_free);
}

TEST_F(Checks, QuarantineGivesBackWhatIsMissed) {
  FixedBufferOf<100> small;
  Quarantine quarantine(small, handler);
  void* a = quarantine.allocate({100, 1});
  quarantine.deallocate(a, {100, 1});
  EXPECT_EQ(quarantine.held_blocks(), 1U);
  EXPECT_EQ(quarantine.allocate({100, 1}), a);
}

TEST_F(Checks, QuarantineWithoutMemoryHoldsNothing) {
  Failing none(page_allocator, {.after = 0});
  Quarantine quarantine(buffer, none, handler);
  void* a = quarantine.allocate({100, 1});
  quarantine.deallocate(a, {100, 1});
  EXPECT_EQ(quarantine.held_blocks(), 0U);
  EXPECT_EQ(buffer.end_index(), 0U);
}

TEST(ChecksDeathTest, MisuseWithoutAHandlerEndsTheProcess) {
  FixedBufferOf<1024> buffer;
  Tracking tracking(buffer);
  int stranger = 0;
  EXPECT_DEATH(tracking.deallocate(&stranger, Layout::of<int>()), "");
}

TEST(Misuses, HaveAnExactText) {
  const auto text = [](const Misuse& misuse) {
    Line line;
    describe(misuse, line);
    return std::string(line.view());
  };
  const void* block = reinterpret_cast<const void*>(std::uintptr_t{0x1000});
  EXPECT_EQ(text({MisuseKind::leak, block, {}, {24, 8}}), "leak: 24 bytes at 0x1000");
  EXPECT_EQ(text({MisuseKind::unknown_block, block, {7, 8}, {}}), "unknown block: 7 bytes at 0x1000");
  EXPECT_EQ(text({MisuseKind::double_free, block, {}, {24, 8}}), "double free: 24 bytes at 0x1000");
  EXPECT_EQ(text({MisuseKind::wrong_size, block, {25, 8}, {24, 8}}),
            "wrong size: 24 bytes at 0x1000, given as 25");
  EXPECT_EQ(text({MisuseKind::wrong_alignment, block, {24, 16}, {24, 8}}),
            "wrong alignment: 24 bytes at 0x1000 aligned to 8, given as 16");
  EXPECT_EQ(text({MisuseKind::bad_alignment, nullptr, {24, 3}, {}}),
            "alignment is no power of two: 24 bytes asked for, aligned to 3");
  EXPECT_EQ(text({MisuseKind::front_overwritten, block, {}, {24, 8}, -1}),
            "written in front of a block: 24 bytes at 0x1000, offset -1");
  EXPECT_EQ(text({MisuseKind::back_overwritten, block, {}, {24, 8}, 24}),
            "written behind a block: 24 bytes at 0x1000, offset 24");
  EXPECT_EQ(text({MisuseKind::written_after_free, block, {}, {24, 8}, 3}),
            "written after free: 24 bytes at 0x1000, offset 3");
}

}  // namespace
}  // namespace weir
