#include "tools/report/hex_dump.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace weir {
namespace {

constexpr std::uint64_t kAt = 0x340000001000;

// A mark is a letter: . other, b block, c canary, d damaged, ? unreadable; every byte is its number.
std::string dump(std::string_view letters, std::uint64_t address, std::uint64_t block, std::uint64_t bytes) {
  std::vector<std::uint8_t> memory;
  std::vector<DumpMark> marks;
  for (const char letter : letters) {
    memory.push_back(static_cast<std::uint8_t>(memory.size()));
    marks.push_back(static_cast<DumpMark>(std::string_view(".bcd?").find(letter)));
  }
  std::string out;
  append_hex_dump(out, {address, memory, marks, block, bytes}, false);
  return out;
}

TEST(HexDump, MarksTheBlockAndTheDamage) {
  EXPECT_EQ(dump("..ccccddbbbbbbbbddcc....", kAt, kAt + 8, 8),
            "340000001000  00 01 -- -- -- --[06 07]08 09 0a 0b 0c 0d 0e 0f| ..    ..........\n"
            "340000001010 [10 11]-- -- 14 15 16 17                          ..  ....\n"
            "             |the block|  [damaged]  -- intact guard byte\n");
}

TEST(HexDump, BlockEndsAndBeginsOnItsOwnLine) {
  EXPECT_EQ(dump("bbbbbbbbbbbbbbbbcccc", kAt, kAt, 16),
            "340000001000 |00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f| ................\n"
            "340000001010  -- -- -- --\n"
            "             |the block|  -- intact guard byte\n");
  EXPECT_EQ(dump("................bbbb", kAt, kAt + 16, 0),
            "340000001000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ................\n"
            "340000001010 |10 11 12 13                                      ....\n"
            "             |the block|\n");
}

TEST(HexDump, DamageIsClosedOnEachLine) {
  EXPECT_EQ(dump("ccccccccccccccddddcc", kAt, 0, 0),
            "340000001000  -- -- -- -- -- -- -- -- -- -- -- -- -- --[0e 0f]               ..\n"
            "340000001010 [10 11]-- --                                      ..\n"
            "             [damaged]  -- intact guard byte\n");
}

TEST(HexDump, NeedsNotBeginWithALine) {
  EXPECT_EQ(dump("d??", kAt + 5, 0, 0),
            "340000001000                [00]?? ??                               .\n"
            "             [damaged]  ?? no access\n");
}

TEST(HexDump, LinesFitEightyColumns) {
  const std::string text = dump(std::string(16, 'd'), 0x7fffffffe000, 0, 0);
  EXPECT_LT(text.find('\n'), 80u) << text;
}

TEST(HexDump, CountsLinesThatAreAlikeAndCutsLongOnes) {
  EXPECT_EQ(dump(std::string(64, 'c') + "bb", kAt, kAt + 64, 2),
            "340000001000  -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- --\n"
            "             ... (3 line(s) like the one above)\n"
            "340000001040 |40 41|                                           @A\n"
            "             |the block|  -- intact guard byte\n");
  EXPECT_EQ(dump(std::string(32, 'c'), kAt, 0, 0),
            "340000001000  -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- --\n"
            "340000001010  -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- --\n"
            "             -- intact guard byte\n");
  const std::string text = dump(std::string(60 * 16 + 1, 'd'), kAt, 0, 0);
  EXPECT_NE(text.find("\n3400000012f0 ["), std::string::npos);
  EXPECT_EQ(text.find("\n340000001300"), std::string::npos);
  EXPECT_NE(text.find("\n             ... (13 more line(s))\n"), std::string::npos);
}

}  // namespace
}  // namespace weir
