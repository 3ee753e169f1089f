// Blocks on pages of their own: where they begin and end, what is noticed beside them, and when a slot is
// used again. The store is one for the process, so each test asks for a kind of block that the others do not.
#include "shim/guard/page_blocks.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "shim/base/options.hpp"
#include "shim/base/readable.hpp"
#include "shim/leak/live_blocks.hpp"

namespace weir::pages {
namespace {

constexpr StackId kMadeBy = 77, kFreedBy = 78;
const PageCall kMade{Family::kNew, kMadeBy, page_meta(3, 4)};
const PageCall kFreed{Family::kMalloc, kFreedBy, page_meta(5, 6)};

class PageBlocks : public testing::Test {
 protected:
  void SetUp() override { set_up(kGuardPage, 4); }

  static void set_up(unsigned layout, std::uint64_t quarantine, std::uint64_t mappings = 30000) {
    options.guard = layout;
    options.quarantine_blocks = quarantine;
    options.quarantine_bytes = std::uint64_t{1} << 30;
    options.guard_mappings = mappings;
    set_up_blocks();
  }
};

char* make(std::size_t bytes, std::size_t alignment = 16) {
  return static_cast<char*>(allocate(bytes, alignment, kMade));
}
bool end(char* block) {
  return release(*find(block), kFreed);
}
std::uint64_t number(const void* p) {
  return reinterpret_cast<std::uint64_t>(p);
}

TEST_F(PageBlocks, EndAsNearToThePageAsTheirAlignmentAllows) {
  for (const std::size_t alignment : {1, 16, 64, 4096, 8192, 1 << 20}) {
    for (const std::size_t bytes : {1, 15, 16, 17, 100, 4095, 4096, 4097, 70000, 5 << 20}) {
      char* block = make(bytes, alignment);
      ASSERT_NE(block, nullptr);
      const std::size_t wanted = alignment < 16 ? 16 : alignment;
      EXPECT_EQ(number(block) % wanted, 0u);
      const std::uint64_t behind = round_up(number(block) + bytes, kPageSize);
      EXPECT_LT(behind - (number(block) + bytes), wanted < kPageSize ? wanted : kPageSize) << bytes;
      EXPECT_FALSE(is_readable(behind));
      std::memset(block, 1, bytes);
      EXPECT_EQ(find(block)->alignment(), wanted);
      EXPECT_EQ(damage_behind(*find(block)).count + damage_in_front(*find(block)).count, 0u);
      EXPECT_TRUE(end(block));
    }
  }
}

TEST_F(PageBlocks, BeginAtThePageInFront) {
  set_up(kGuardPageFront, 4);
  for (const std::size_t alignment : {16, 4096, 8192, 1 << 20}) {
    for (const std::size_t bytes : {1, 16, 4095, 4096, 70001, 5 << 20}) {
      char* block = make(bytes, alignment);
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(number(block) % (alignment < kPageSize ? kPageSize : alignment), 0u);
      EXPECT_FALSE(is_readable(number(block) - 1));
      EXPECT_TRUE(is_readable(number(block)));
      EXPECT_FALSE(is_readable(round_up(number(block) + bytes, kPageSize)));
      EXPECT_TRUE(end(block));
    }
  }
}

TEST_F(PageBlocks, OfNoBytesHaveNoAccess) {
  for (const unsigned layout : {kGuardPage, kGuardPageFront}) {
    set_up(layout, 4);
    char* block = make(0);
    char* other = make(0);
    EXPECT_NE(block, other);
    EXPECT_FALSE(is_readable(number(block)));
    EXPECT_FALSE(is_readable(number(block) - 1));
    EXPECT_EQ(find(block)->bytes(), 0u);
    EXPECT_TRUE(end(block));
    EXPECT_TRUE(end(other));
  }
}

TEST_F(PageBlocks, AreZero) {
  for (int i = 0; i < 20; ++i) {
    char* block = make(5000);
    for (int at = 0; at < 5000; ++at) ASSERT_EQ(block[at], 0);
    std::memset(block, 0x55, 5000);
    end(block);
  }
}

TEST_F(PageBlocks, AreKnownByEachOfTheirAddresses) {
  char* block = make(100);
  const PageBlock* found = find(block);
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(found->is_live());
  EXPECT_EQ(found->start, number(block));
  EXPECT_EQ(found->bytes(), 100u);
  EXPECT_EQ(found->header.family(), Family::kNew);
  EXPECT_EQ(found->header.stack(), kMadeBy);
  EXPECT_EQ(found->made_meta, page_meta(3, 4));
  EXPECT_EQ(find(block + 99), found);
  EXPECT_EQ(find(block + 120), found);  // the page behind
  EXPECT_EQ(find(&found), nullptr);
  EXPECT_EQ(find(reinterpret_cast<void*>(kPageZoneBase)), nullptr);
  EXPECT_EQ(find(reinterpret_cast<void*>(kPageZoneBase + kPageZoneSpan - 1)), nullptr);
  EXPECT_TRUE(end(block));
  EXPECT_FALSE(is_readable(number(block)));
  EXPECT_EQ(find(block), found);
  EXPECT_EQ(found->stage(), PageState::kFreed);
  EXPECT_EQ(found->freed_stack, kFreedBy);
  EXPECT_EQ(found->freed_meta, page_meta(5, 6));
  EXPECT_FALSE(end(block)) << "a second time";
}

TEST_F(PageBlocks, NoticeEachByteThatIsWrittenBesideThem) {
  char* block = make(101);  // 11 bytes of slack
  const PageBlock& facts = *find(block);
  for (const int offset : {101, 104, 111, -1, -8, -2000}) {
    const char before = block[offset];
    EXPECT_EQ(static_cast<unsigned char>(before), canary_at(facts, number(block + offset)));
    for (const char written : {'\0', '\x7f', '\xff', static_cast<char>(before ^ 1)}) {
      block[offset] = written;
      const PageDamage damage = offset < 0 ? damage_in_front(facts) : damage_behind(facts);
      EXPECT_EQ(damage.count, 1u);
      EXPECT_EQ(damage.first, offset);
      EXPECT_EQ(damage.last, offset);
      const PageDamage elsewhere = offset < 0 ? damage_behind(facts) : damage_in_front(facts);
      EXPECT_EQ(elsewhere.count, 0u);
    }
    block[offset] = before;
  }
  block[-20] = block[-3] = 0;
  const PageDamage damage = damage_in_front(facts);
  EXPECT_EQ(damage.first, -20);
  EXPECT_EQ(damage.last, -3);
  EXPECT_EQ(damage.count, 2u);
  EXPECT_TRUE(end(block));
}

TEST_F(PageBlocks, CanariesOfTwoBlocksDiffer) {
  char* one = make(8);
  char* other = make(8);
  EXPECT_NE(std::memcmp(one + 8, other + 8, 8), 0);
  end(one);
  end(other);
}

// A size that nobody else asks for has slots of its own.
TEST_F(PageBlocks, AreUsedAgainWhenSoManyWereFreedAfterThem) {
  constexpr std::size_t kBytes = 700 * kPageSize;
  for (const std::uint64_t held : {0, 1, 5}) {
    set_up(kGuardPage, held);
    char* first = make(kBytes);
    end(first);
    for (std::uint64_t i = 1; i < held; ++i) {
      char* other = make(kBytes);
      EXPECT_NE(other, first) << i << " of " << held;
      end(other);
    }
    if (held != 0) {  // held blocks are in the quarantine, which it just holds
      char* other = make(40);
      char* not_yet = make(kBytes);
      EXPECT_NE(not_yet, first);
      end(other);
      EXPECT_EQ(make(kBytes), first);
      end(not_yet);
    } else {
      EXPECT_EQ(make(kBytes), first);
    }
    end(first);
    set_up(kGuardPage, 0);
    std::vector<char*> all;  // empties the queue for the next round
    for (int i = 0; i < 20; ++i) all.push_back(make(kBytes));
  }
}

TEST_F(PageBlocks, KeepToTheBudget) {
  constexpr std::size_t kBytes = 6 * kPageSize;  // too large to be kept
  const std::uint64_t before = page_counts().mappings;
  set_up(kGuardPage, 4, before + 3);
  const std::uint64_t refused = page_counts().refused;
  char* blocks[3];
  for (char*& block : blocks) block = make(kBytes);
  EXPECT_EQ(make(kBytes), nullptr);
  EXPECT_EQ(page_counts().refused, refused + 1);
  end(blocks[1]);
  blocks[1] = make(kBytes);
  EXPECT_NE(blocks[1], nullptr);
  EXPECT_EQ(make(kBytes), nullptr);
  EXPECT_NE(make(0), nullptr) << "costs none";
  for (char* block : blocks) end(block);
  EXPECT_LE(page_counts().mappings, before);
}

TEST_F(PageBlocks, KeepTheirPagesForTheNextInTheirSlot) {
  constexpr std::size_t kBytes = 4 * kPageSize - 16;
  set_up(kGuardPage, 0);
  for (int i = 0; i < 100; ++i) make(kBytes);  // what other tests have left of this size
  char* block = make(kBytes);
  const std::uint64_t mappings = page_counts().mappings;
  std::memset(block, 0x55, kBytes);
  end(block);
  EXPECT_FALSE(is_readable(number(block)));
  EXPECT_EQ(page_counts().mappings, mappings) << "it is still one";
  ASSERT_EQ(make(kBytes), block);
  EXPECT_EQ(page_counts().mappings, mappings);
  for (std::size_t at = 0; at < kBytes; ++at) ASSERT_EQ(block[at], 0);
  EXPECT_EQ(damage_in_front(*find(block)).count + damage_behind(*find(block)).count, 0u);
  end(block);
  char* longer = make(kBytes + kPageSize);
  EXPECT_EQ(longer, block - kPageSize) << "the same slot";
  EXPECT_EQ(page_counts().mappings, mappings);
  for (std::size_t at = 0; at < kBytes + kPageSize; ++at) ASSERT_EQ(longer[at], 0);
  end(longer);
  EXPECT_EQ(page_counts().mappings, mappings - 1) << "too large to be kept";
}

TEST_F(PageBlocks, KeepNoPagesThatLiveBlocksMayNeed) {
  constexpr std::size_t kBytes = 2 * kPageSize;
  const std::uint64_t budget = page_counts().mappings + 20;
  set_up(kGuardPage, 0, budget);
  for (int round = 0; round < 2; ++round) {
    std::vector<char*> blocks;
    for (char* block = make(kBytes); block != nullptr; block = make(kBytes)) blocks.push_back(block);
    EXPECT_EQ(page_counts().mappings, budget);
    for (char* block : blocks) end(block);
  }
}

TEST_F(PageBlocks, OpenPagesThatAreKept) {
  set_up(kGuardPage, 1000);
  char* block = make(40);
  block[5] = 9;
  end(block);
  ASSERT_TRUE(open_page(*find(block), number(block + 5)));
  EXPECT_EQ(block[5], 9);
  block[5] = 7;
}

TEST_F(PageBlocks, RefuseWhatTheZoneCannotHold) {
  EXPECT_EQ(make(kPageZoneSpan), nullptr);
  EXPECT_EQ(make(SIZE_MAX - 5000), nullptr);
  EXPECT_EQ(make(16, kPageZoneSpan), nullptr);
}

TEST_F(PageBlocks, OpenedPagesAreNeverUsedAgain) {
  constexpr std::size_t kBytes = 1500 * kPageSize;
  set_up(kGuardPage, 0);
  char* block = make(kBytes);
  end(block);
  ASSERT_TRUE(open_page(*find(block), number(block + 5)));
  block[5] = 7;
  char* other = make(kBytes);
  EXPECT_NE(other, block);
  EXPECT_EQ(block[5], 7);
  EXPECT_TRUE(open_page(*find(other), number(other + kBytes)));
  other[kBytes] = 1;
  end(other);
  EXPECT_FALSE(is_readable(number(other + kBytes)));
  EXPECT_EQ(make(kBytes), other) << "opened while it lived: closed with it";
}

TEST_F(PageBlocks, AreFoundByTheLeakCheck) {
  const MemoryMap nothing{nullptr, 0};
  char* const blocks[] = {make(100), make(0), make(3 << 20), make(13)};
  char* const gone = make(100);
  end(gone);
  PageMap map;
  LiveBlocks live;
  ASSERT_TRUE(live.collect(nothing, map));
  keep_mapped = false;
  EXPECT_EQ(live.count(), page_counts().live);
  for (char* block : blocks) {
    const std::uint32_t i = live.find(number(block));
    ASSERT_NE(i, LiveBlocks::kNone);
    EXPECT_TRUE(live.may_point(number(block)));
    EXPECT_EQ(live[i].start(), number(block));
    EXPECT_EQ(live[i].header().stack(), kMadeBy);
    EXPECT_EQ(live[i].header().family(), Family::kNew);
    const std::uint64_t bytes = find(block)->bytes();
    EXPECT_EQ(live[i].bytes(), bytes);
    EXPECT_EQ(live.find(number(block) + (bytes != 0 ? bytes - 1 : 0)), i);
    // One past the end of a small block may be all that a program has of an empty array.
    EXPECT_EQ(live.find(number(block) + (bytes != 0 ? bytes : 1)),
              bytes <= LiveBlocks::kPointedPast ? i : LiveBlocks::kNone);
    EXPECT_EQ(live.find(number(block) - 1), LiveBlocks::kNone);
  }
  EXPECT_EQ(live.find(number(gone)), LiveBlocks::kNone);
  for (std::uint32_t i = 1; i < live.count(); ++i) EXPECT_LT(live[i - 1].start(), live[i].start());
  for (char* block : blocks) end(block);
}

TEST_F(PageBlocks, StayReadableWhileTheyAreLookedAt) {
  char* block = make(200);
  keep_mapped = true;
  EXPECT_TRUE(end(block));
  EXPECT_TRUE(is_readable(number(block)));
  EXPECT_FALSE(find(block)->is_live());
  keep_mapped = false;
}

// A signal handler in the middle of weir's own work on its thread.
TEST_F(PageBlocks, DoNotWaitForTheirOwnThread) {
  char* block = make(60 * kPageSize);
  ASSERT_TRUE(slots_lock.lock());
  EXPECT_FALSE(slots_lock.lock());
  EXPECT_EQ(make(60 * kPageSize), nullptr);
  EXPECT_TRUE(end(block));
  EXPECT_FALSE(is_readable(number(block)));
  slots_lock.unlock();
  set_up(kGuardPage, 0);
  EXPECT_EQ(make(60 * kPageSize), block) << "it was given back later";
}

TEST_F(PageBlocks, BelongToManyThreads) {
  set_up(kGuardPage, 20);
  constexpr int kThreads = 4, kRounds = 3000, kPlaces = 16;
  std::atomic<char*> places[kPlaces]{};
  std::atomic<int> twice{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      unsigned state = static_cast<unsigned>(t) + 1;
      for (int i = 0; i < kRounds; ++i) {
        state = state * 1664525 + 1013904223;
        const std::size_t bytes = (state >> 8) % 9000;
        char* block = make(bytes);
        if (bytes != 0 && (block[0] != 0 || block[bytes - 1] != 0)) ++twice;
        if (bytes != 0) block[0] = block[bytes - 1] = 1;
        char* old = places[state >> 28].exchange(block);
        if (old != nullptr && !end(old)) ++twice;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& place : places) {
    char* const left = place;
    EXPECT_TRUE(left == nullptr || end(left));
  }
  EXPECT_EQ(twice, 0);
}

}  // namespace
}  // namespace weir::pages
