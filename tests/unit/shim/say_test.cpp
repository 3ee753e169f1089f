#include "shim/base/say.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/unit/shim/capture.hpp"

namespace weir {
namespace {

TEST(Line, WritesNumbers) {
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, std::uint64_t{4096},
                                std::uint64_t{10000000000000000000u}, ~std::uint64_t{0}}) {
    EXPECT_EQ(Line().number(n).view(), std::to_string(n));
  }
  for (const std::int64_t n :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{77}, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(Line().signed_number(n).view(), std::to_string(n));
  }
}

TEST(Line, WritesHex) {
  EXPECT_EQ(Line().hex(0).view(), "0x0");
  EXPECT_EQ(Line().hex(0xf).view(), "0xf");
  EXPECT_EQ(Line().hex(0x10).view(), "0x10");
  EXPECT_EQ(Line().hex(0x7fff12345678).view(), "0x7fff12345678");
  EXPECT_EQ(Line().hex(~std::uint64_t{0}).view(), "0xffffffffffffffff");
  EXPECT_EQ(Line().hex(0x8000000000000000u).view(), "0x8000000000000000");
}

TEST(Line, CutsWhatIsTooLong) {
  Line line;
  line.text(std::string(998, 'a')).number(12345);
  EXPECT_EQ(line.view(), std::string(998, 'a') + "12");
  line.text("more").hex(1);
  EXPECT_EQ(line.view().size(), 1000u);
  Capture capture;
  line.say();
  EXPECT_EQ(capture.text(), std::string(998, 'a') + "12\n");
}

TEST(Line, IsEmptyAfterItWasSaid) {
  Capture capture;
  Line line;
  line.text("one").say();
  EXPECT_EQ(line.view(), "");
  line.text("two").say();
  line.text("nobody's").say_to(-1);
  line.say();
  EXPECT_EQ(capture.text(), "one\ntwo\n\n");
}

TEST(ErrorFd, IsNotAFileThatGotItsNumber) {
  const int before = dup(2);
  FILE* file = tmpfile();
  ASSERT_NE(file, nullptr);
  dup2(fileno(file), 2);
  const int found = error_fd();
  close(2);
  const int closed = error_fd();
  dup2(before, 2);
  close(before);
  fclose(file);
  EXPECT_EQ(found, -1);
  EXPECT_EQ(closed, -1);
}

}  // namespace
}  // namespace weir
