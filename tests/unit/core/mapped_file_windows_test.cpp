// MappedFile: windows, and search in the mapping and by windows.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "core/mapped_file.hpp"
#include "tests/unit/core/mapped_file_fixture.hpp"

using namespace weir;
using namespace weir::test;

namespace {

class MappedFileWindows : public MappedFiles {};

}  // namespace

TEST_F(MappedFileWindows, FindsInTheMapping) {
  put("one two three two");
  MappedFile file;
  ASSERT_EQ(file.open(path()), 0);
  EXPECT_EQ(file.find("two").value, 4U);
  EXPECT_EQ(file.find("two", 4).value, 4U);
  EXPECT_EQ(file.find("two", 5).value, 14U);
  EXPECT_EQ(file.find("two", 15).value, MappedFile::kNotFound);
  EXPECT_EQ(file.find("four").value, MappedFile::kNotFound);
  EXPECT_EQ(file.find("one two three two").value, 0U);
  EXPECT_EQ(file.find("one two three two!").value, MappedFile::kNotFound);
  EXPECT_EQ(file.find("", 17).value, 17U);
  EXPECT_EQ(file.find("", 18).value, MappedFile::kNotFound);
  EXPECT_EQ(file.find("two", UINT64_MAX - 1).value, MappedFile::kNotFound);
}

TEST_F(MappedFileWindows, FindsAcrossWindows) {
  constexpr std::uint64_t kWindow = 64 << 20;
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kCreate, Mapping::kNone), 0);
  ASSERT_EQ(file.resize(kWindow * 2 + 12345), 0);
  const std::string needle = "the needle";
  for (const std::uint64_t at : {kWindow - 5, kWindow - 9, kWindow, kWindow - needle.size(), kWindow * 2 - 12,
                                 kWindow * 2 + 12345 - needle.size()}) {
    ASSERT_EQ(file.write(at, bytes_of(needle)), 0);
    const auto found = file.find(needle);
    EXPECT_EQ(found.error, 0);
    EXPECT_EQ(found.value, at);
    EXPECT_EQ(file.find(needle, at).value, at);
    EXPECT_EQ(file.find(needle, at + 1).value, MappedFile::kNotFound);
    ASSERT_EQ(file.write(at, std::as_bytes(std::span<const char>(std::string(needle.size(), '\0')))), 0);
  }
  EXPECT_EQ(mappings_of(path_), 0);
}

TEST_F(MappedFileWindows, AWindowIsAPartOfTheFileAndOutlivesIt) {
  const std::string text = numbered(30000);
  put(text);
  FileWindow window;
  {
    MappedFile file;
    ASSERT_EQ(file.open(path(), FileAccess::kReadWrite, Mapping::kNone), 0);
    for (const std::uint64_t offset : {0, 1, 4095, 4096, 4097, 12345, 29999}) {
      for (const std::size_t length : {1, 4096, 10000, 100000}) {
        ASSERT_EQ(file.window(offset, length, window), 0);
        EXPECT_EQ(text_of(window.bytes()), text.substr(offset, length));
        EXPECT_EQ(window.offset(), offset);
      }
    }
    EXPECT_EQ(mappings_of(path_), 1) << "the others are gone";
    ASSERT_EQ(file.window(30000, 10, window), 0);
    EXPECT_TRUE(window.bytes().empty());
    EXPECT_EQ(mappings_of(path_), 0);
    ASSERT_EQ(file.window(UINT64_MAX, SIZE_MAX, window), 0);
    EXPECT_TRUE(window.bytes().empty());
    ASSERT_EQ(file.window(5000, 100, window), 0);
  }
  window.writable()[0] = std::byte{'#'};
  EXPECT_EQ(window.flush(), 0);
  EXPECT_EQ(got()[5000], '#');
  FileWindow moved = std::move(window);
  EXPECT_EQ(moved.bytes()[0], std::byte{'#'});
  EXPECT_TRUE(window.bytes().empty());  // NOLINT: what a move leaves is part of the promise
}

TEST_F(MappedFileWindows, WindowsCoverTheFileWithTheirOverlap) {
  const std::string text = numbered(25000);
  put(text);
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kRead, Mapping::kNone), 0);
  for (const auto& [length, overlap] :
       {std::pair{4096, 0}, {5000, 0}, {5000, 777}, {25000, 10}, {90000, 5}, {4097, 3000}, {12500, 0}}) {
    std::string joined;
    std::uint64_t expected = 0;
    int most = 0;
    auto windows = file.windows(static_cast<std::size_t>(length), static_cast<std::size_t>(overlap));
    while (windows.next()) {
      const FileWindow& window = windows.window();
      ASSERT_EQ(window.offset(), expected) << length << ", " << overlap;
      ASSERT_LE(window.bytes().size(), static_cast<std::size_t>(length));
      joined.resize(window.offset());
      joined += text_of(window.bytes());
      expected = joined.size() - static_cast<std::size_t>(overlap);
      most = std::max(most, mappings_of(path_));
    }
    EXPECT_EQ(windows.error(), 0);
    EXPECT_EQ(joined, text) << length << ", " << overlap;
    EXPECT_EQ(most, 1);
    EXPECT_FALSE(windows.next());
  }
  std::size_t bytes = 0;
  for (const FileWindow& window : file.windows(4096)) bytes += window.bytes().size();
  EXPECT_EQ(bytes, text.size());
  EXPECT_EQ(mappings_of(path_), 0);
}

// A file that is larger than the address space that the process may have.
TEST_F(MappedFileWindows, WindowsOverAFileThatCannotBeMappedAtOnce) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' own memory is far beyond any limit";
#endif
  constexpr std::uint64_t kSize = std::uint64_t{1} << 38;
  {
    MappedFile file;
    ASSERT_EQ(file.open(path(), FileAccess::kCreate, Mapping::kNone), 0);
    if (file.resize(kSize) != 0) GTEST_SKIP() << "no file system for such files";
    ASSERT_EQ(file.write(kSize - 3, bytes_of("end")), 0);
  }
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = std::uint64_t{8} << 30;
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
  MappedFile file;
  EXPECT_EQ(file.open(path()), ENOMEM);
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(file.open(path(), FileAccess::kRead, Mapping::kNone), 0);
  EXPECT_EQ(file.map(), ENOMEM);
  EXPECT_TRUE(file.bytes().empty());
  std::uint64_t seen = 0;
  std::string last;
  auto windows = file.windows(std::size_t{4} << 30);
  while (windows.next()) {
    seen += windows.window().bytes().size();
    last = text_of(windows.window().bytes().last(3));
  }
  EXPECT_EQ(windows.error(), 0);
  EXPECT_EQ(seen, kSize);
  EXPECT_EQ(last, "end");
  auto too_large = file.windows(std::size_t{16} << 30);
  EXPECT_FALSE(too_large.next());
  EXPECT_EQ(too_large.error(), ENOMEM);
  EXPECT_EQ(file.find("end", kSize - 5000).value, kSize - 3);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
}
