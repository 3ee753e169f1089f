#include <gtest/gtest.h>

#include <string>

#include "tools/report/shown.hpp"

namespace weir {
namespace {

TEST(ShownNames, AreOneLineOfPrintableText) {
  EXPECT_EQ(shown("std::vector<int>"), "std::vector<int>");
  EXPECT_EQ(shown("a\nb\tc\x1b[31m\x7f"), "a\\nb\\tc\\x1b[31m\\x7f");
  EXPECT_EQ(shown("\xc2\x9b"
                  "31m"),
            "\\x9b"
            "31m");
  EXPECT_EQ(shown("gr\xc3\xbc\xc3\x9f"
                  "e"),
            "gr\xc3\xbc\xc3\x9f"
            "e");
}

TEST(ShownNames, AreCutBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 1000; ++i) name += "\xc3\xbc";
  const std::string text = shown(name);
  EXPECT_LT(text.size(), 500U);
  EXPECT_TRUE(text.starts_with("\xc3\xbc") && text.ends_with("\xc3\xbc")) << text;
  EXPECT_NE(text.find("\xc3\xbc...(1650 more bytes)...\xc3\xbc"), std::string::npos) << text;
  EXPECT_EQ(shown(std::string(400, 'x')), std::string(400, 'x'));
}

}  // namespace
}  // namespace weir
