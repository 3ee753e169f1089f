// The first line of each report, whole: it is an interface.
#include <gtest/gtest.h>

#include "tests/unit/tools/incident_samples.hpp"
#include "tools/report/incident_words.hpp"

namespace weir {
namespace {

using Kind = IncidentKind;
using Occasion = IncidentOccasion;
using Call = IncidentCall;
using Place = IncidentPlace;

// The line as it comes out of a findings file.
std::string line_of(FindingsIncident facts) {
  FindingsBuilder builder;
  builder.module("/opt/libplugin.so", 0x10000, 0x20000, 0x10000);
  builder.option("report_signal=63");
  builder.incident(facts);
  const std::vector<std::byte> bytes = builder.build();
  Findings findings;
  std::string error;
  EXPECT_TRUE(findings.open(bytes, error)) << error;
  std::vector<std::string> mistakes;
  const Settings settings = read_settings(findings.options(), mistakes);
  Symboliser symboliser(findings, false);
  return incident_line(build_incidents(findings, settings, symboliser).at(0));
}

FindingsIncident damage(Kind kind, Occasion occasion, std::int64_t offset, std::uint64_t count,
                        std::uint64_t bytes) {
  FindingsIncident facts = {};
  facts.kind = kind;
  facts.occasion = occasion;
  facts.block_address = kBlock;
  facts.block_bytes = bytes;
  facts.block_is_freed = kind == Kind::kUseAfterFree ? 1 : 0;
  facts.damage_offset = offset;
  facts.damage_bytes = facts.damaged_count = count;
  facts.address = kBlock + static_cast<std::uint64_t>(offset);
  return facts;
}

FindingsIncident access(Kind kind, IncidentAccess access, std::int64_t offset) {
  FindingsIncident facts = damage(kind, Occasion::kAccess, offset, 0, 16);
  facts.access = access;
  facts.damage_offset = 0;  // nothing was damaged: the address tells
  return facts;
}

FindingsIncident call(Kind kind, Call call, std::uint64_t block_bytes) {
  FindingsIncident facts = {};
  facts.kind = kind;
  facts.call = call;
  facts.address = facts.block_address = kBlock;
  facts.block_bytes = block_bytes;
  return facts;
}

TEST(IncidentLine, OfDamageTellsWhenItWasFound) {
  EXPECT_EQ(line_of(damage(Kind::kOverflow, Occasion::kFree, 13, 3, 13)),
            "heap-buffer-overflow: 3 byte(s) damaged at offset 13 of a block of 13 byte(s), found by free");
  EXPECT_EQ(
      line_of(damage(Kind::kUnderflow, Occasion::kRealloc, -1, 1, 13)),
      "heap-buffer-underflow: 1 byte(s) damaged at offset -1 of a block of 13 byte(s), found by realloc");
  EXPECT_EQ(
      line_of(damage(Kind::kUseAfterFree, Occasion::kQuarantine, 8, 4, 16)),
      "heap-use-after-free: 4 byte(s) written at offset 8 of a freed block of 16 byte(s), found when it "
      "left the quarantine");
  const std::string begin = "heap-buffer-overflow: 1 byte(s) damaged at offset 13 of a block of 13 byte(s), ";
  EXPECT_EQ(line_of(damage(Kind::kOverflow, Occasion::kExit, 13, 1, 13)),
            begin + "found by the check at exit");
  EXPECT_EQ(line_of(damage(Kind::kOverflow, Occasion::kSignal, 13, 1, 13)),
            begin + "found by the check on signal 63");
  EXPECT_EQ(line_of(damage(Kind::kOverflow, Occasion::kPeriodic, 13, 1, 13)),
            begin + "found by a periodic check");
  FindingsIncident crash = damage(Kind::kOverflow, Occasion::kCrash, 13, 1, 13);
  crash.signal = 11;
  EXPECT_EQ(line_of(crash), begin + "found when SIGSEGV ended the program");
}

TEST(IncidentLine, OfABlockWhoseHeaderIsGone) {
  EXPECT_EQ(
      line_of(damage(Kind::kUseAfterFree, Occasion::kExit, -32, 32, 0)),
      "heap-use-after-free: 32 byte(s) written at offset -32 of a freed block of unknown size, found by the "
      "check at exit");
}

TEST(IncidentLine, OfAnAccess) {
  EXPECT_EQ(line_of(access(Kind::kOverflow, IncidentAccess::kWrite, 16)),
            "heap-buffer-overflow: write at offset 16 of a block of 16 byte(s)");
  EXPECT_EQ(line_of(access(Kind::kUnderflow, IncidentAccess::kRead, -1)),
            "heap-buffer-underflow: read at offset -1 of a block of 16 byte(s)");
  EXPECT_EQ(line_of(access(Kind::kUseAfterFree, IncidentAccess::kUnknown, 0)),
            "heap-use-after-free: access at offset 0 of a freed block of 16 byte(s)");
}

TEST(IncidentLine, OfADoubleFree) {
  EXPECT_EQ(line_of(call(Kind::kDoubleFree, Call::kFree, 16)),
            "double-free: free of a freed block of 16 byte(s)");
  EXPECT_EQ(line_of(call(Kind::kDoubleFree, Call::kRealloc, 16)),
            "double-free: realloc of a freed block of 16 byte(s)");
  EXPECT_EQ(line_of(call(Kind::kDoubleFree, Call::kDelete, 16)),
            "double-free: operator delete of a freed block of 16 byte(s)");
}

TEST(IncidentLine, OfABadFreeTellsThePlace) {
  FindingsIncident facts = call(Kind::kBadFree, Call::kFree, 16);
  facts.address = kBlock + 4;
  facts.place_module = 1;
  const auto at = [&](Place place) {
    facts.place = place;
    return line_of(facts);
  };
  const std::string begin = "bad-free: free of 0x340000001014, which is ";
  EXPECT_EQ(at(Place::kStack), begin + "on the stack");
  EXPECT_EQ(at(Place::kStatic), begin + "in static storage of /opt/libplugin.so");
  EXPECT_EQ(at(Place::kInsideLive), begin + "inside a block of 16 byte(s) at offset 4");
  EXPECT_EQ(at(Place::kInsideFreed), begin + "inside a freed block of 16 byte(s) at offset 4");
  EXPECT_EQ(at(Place::kHeap), begin + "in the heap, but in no block");
  EXPECT_EQ(at(Place::kOtherMapping), begin + "in memory that is not the heap's");
  EXPECT_EQ(at(Place::kUnmapped), begin + "not mapped");
  EXPECT_EQ(at(Place::kBlock), begin + "a block of 16 byte(s)");
  facts.address = kBlock - 4;
  EXPECT_EQ(at(Place::kInsideLive),
            "bad-free: free of 0x34000000100c, which is inside a block of 16 byte(s) at offset -4");
  facts.place_module = 0;
  facts.call = Call::kUsableSize;
  EXPECT_EQ(
      at(Place::kStatic),
      "bad-free: malloc_usable_size of 0x34000000100c, which is in static storage of an unknown module");
}

TEST(IncidentLine, OfMismatches) {
  FindingsIncident facts = call(Kind::kMismatch, Call::kDelete, 10);
  facts.made_by = Call::kNewArray;
  EXPECT_EQ(line_of(facts),
            "alloc-dealloc-mismatch: operator delete of a block of 10 byte(s) from operator new[]");
  facts = call(Kind::kSizeMismatch, Call::kDelete, 16);
  facts.given_size = 8;
  EXPECT_EQ(line_of(facts), "new-delete-type-mismatch: operator delete with size 8 of a block of 16 byte(s)");
  facts.call = Call::kFreeSized;
  EXPECT_EQ(line_of(facts), "new-delete-type-mismatch: free_sized with size 8 of a block of 16 byte(s)");
  facts = call(Kind::kAlignMismatch, Call::kDeleteArray, 16);
  facts.block_alignment = 64;
  facts.given_alignment = 32;
  EXPECT_EQ(line_of(facts),
            "new-delete-type-mismatch: operator delete[] with alignment 32 of a block aligned to 64");
  facts.given_alignment = 0;
  EXPECT_EQ(line_of(facts),
            "new-delete-type-mismatch: operator delete[] without alignment of a block aligned to 64");
}

TEST(IncidentLine, OfOddRequests) {
  FindingsIncident facts = {};
  facts.kind = Kind::kTooBig;
  facts.call = Call::kMalloc;
  facts.given_size = ~0ull;
  EXPECT_EQ(line_of(facts), "allocation-size-too-big: malloc of 18446744073709551615 byte(s)");
  facts.kind = Kind::kZeroSize;
  facts.call = Call::kNew;
  facts.given_size = 0;
  EXPECT_EQ(line_of(facts), "zero-size-allocation: operator new of 0 byte(s)");
  facts.kind = Kind::kCallocOverflow;
  facts.call = Call::kCalloc;
  facts.given_count = 4294967296;
  facts.given_size = 4294967295;
  EXPECT_EQ(line_of(facts), "calloc-overflow: calloc of 4294967296 * 4294967295 byte(s)");
  facts.kind = Kind::kBadAlignment;
  facts.call = Call::kPosixMemalign;
  facts.given_alignment = 3;
  EXPECT_EQ(line_of(facts), "invalid-allocation-alignment: posix_memalign with alignment 3");
}

TEST(IncidentLine, NamesEveryCall) {
  const std::pair<Call, const char*> calls[] = {{Call::kMalloc, "malloc"},
                                                {Call::kCalloc, "calloc"},
                                                {Call::kRealloc, "realloc"},
                                                {Call::kMemalign, "memalign"},
                                                {Call::kPosixMemalign, "posix_memalign"},
                                                {Call::kNew, "operator new"},
                                                {Call::kNewArray, "operator new[]"},
                                                {Call::kFree, "free"},
                                                {Call::kFreeSized, "free_sized"},
                                                {Call::kFreeAlignedSized, "free_aligned_sized"},
                                                {Call::kDelete, "operator delete"},
                                                {Call::kDeleteArray, "operator delete[]"},
                                                {Call::kUsableSize, "malloc_usable_size"}};
  for (const auto& [number, word] : calls) EXPECT_EQ(word_of(kHeapCallWords, number), word);
}

}  // namespace
}  // namespace weir
