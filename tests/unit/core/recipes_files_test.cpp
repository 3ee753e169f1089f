// The systems of recipe 18.3, each shown once under its name; mapped_file*_test.cpp have the rest.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "core/mapped_file.hpp"
#include "tests/unit/core/mapped_file_fixture.hpp"

namespace {

using weir::FileAccess;
using weir::MappedFile;
using weir::Mapping;
using weir::test::bytes_of;
using Recipe18_3 = weir::test::MappedFiles;

TEST_F(Recipe18_3, BasicMemoryMappedFile) {
  put("Hello, Memory-Mapped World!");
  MappedFile file;
  ASSERT_EQ(file.open(path()), 0);
  EXPECT_EQ(file.text(), "Hello, Memory-Mapped World!");
}

TEST_F(Recipe18_3, MemoryMappedFileWriting) {
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kCreate), 0);
  ASSERT_EQ(file.resize(4096), 0);
  const std::span<std::byte> memory = file.writable();
  ASSERT_EQ(memory.size(), 4096U);
  std::ranges::copy(bytes_of("written through memory"), memory.begin());
  EXPECT_EQ(file.flush(), 0);
  file.close();
  EXPECT_EQ(got().substr(0, 23), std::string("written through memory\0", 23));
  EXPECT_EQ(got().size(), 4096U);
}

TEST_F(Recipe18_3, SearchingInMemoryMappedFile) {
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += "line " + std::to_string(i) + (i % 100 == 7 ? " with an ERROR\n" : "\n");
  put(text);
  MappedFile file;
  ASSERT_EQ(file.open(path()), 0);
  int errors = 0;
  for (auto at = file.find("ERROR"); at.value != MappedFile::kNotFound;
       at = file.find("ERROR", at.value + 1)) {
    EXPECT_EQ(file.text().substr(at.value, 5), "ERROR");
    ++errors;
  }
  EXPECT_EQ(errors, 10);
}

struct Sample {
  std::uint32_t id;
  float value;
  std::uint64_t time;
};

TEST_F(Recipe18_3, BinaryFileProcessing) {
  {
    MappedFile file;
    ASSERT_EQ(file.open(path(), FileAccess::kCreate), 0);
    ASSERT_EQ(file.resize(100 * sizeof(Sample)), 0);
    const auto records = file.writable_records<Sample>();
    for (std::uint32_t i = 0; i < 100; ++i) records.whole[i] = {i, static_cast<float>(i) / 2, 1000 + i};
  }
  MappedFile file;
  ASSERT_EQ(file.open(path()), 0);
  const auto records = file.records<Sample>();
  ASSERT_EQ(records.whole.size(), 100U);
  EXPECT_EQ(records.trailing, 0U);
  float sum = 0;
  for (const Sample& sample : records.whole) sum += sample.value;
  EXPECT_EQ(sum, 2475);
  EXPECT_EQ(records.whole[99].time, 1099U);
}

TEST_F(Recipe18_3, SafeMappedFileWrapper) {
  put("some text");
  {
    MappedFile file;
    ASSERT_EQ(file.open(path()), 0);
    const MappedFile moved = std::move(file);
    EXPECT_EQ(moved.bytes().size(), 9U);
    EXPECT_TRUE(moved.size() == 9 && !file.is_open()) << "moved";  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(weir::test::mappings_of(path_), 1);
  }
  EXPECT_EQ(weir::test::mappings_of(path_), 0) << "unmapped at the end of the scope";
  MappedFile none;
  EXPECT_EQ(none.open("/nowhere/at/all"), ENOENT);
  put("");
  EXPECT_EQ(none.open(path()), 0) << "an empty file is no error";
  EXPECT_TRUE(none.bytes().empty());
}

TEST_F(Recipe18_3, Windowing) {
  put(weir::test::numbered(50'000));
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kRead, Mapping::kNone), 0);
  std::size_t lines = 0;
  std::size_t bytes = 0;
  auto windows = file.windows(4096);
  for (const weir::FileWindow& window : windows) {
    lines += static_cast<std::size_t>(std::ranges::count(window.bytes(), std::byte{'\n'}));
    bytes += window.bytes().size();
  }
  EXPECT_EQ(windows.error(), 0);
  EXPECT_EQ(bytes, 50'000U);
  const std::string text = got();
  EXPECT_EQ(lines, static_cast<std::size_t>(std::ranges::count(text, '\n')));
}

}  // namespace
