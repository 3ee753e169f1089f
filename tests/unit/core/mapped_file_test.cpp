// MappedFile: opening, memory, sizes and records. Windows and search are mapped_file_windows_test.cpp's.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/fixed_buffer.hpp"
#include "core/mapped_file.hpp"
#include "tests/unit/core/mapped_file_fixture.hpp"

using namespace weir;
using namespace weir::test;

TEST_F(MappedFiles, ReadsAFile) {
  put("some text");
  MappedFile file;
  EXPECT_FALSE(file.is_open());
  ASSERT_EQ(file.open(path()), 0);
  EXPECT_EQ(file.text(), "some text");
  EXPECT_EQ(file.size(), 9U);
  EXPECT_EQ(text_of(file.bytes()), "some text");
  EXPECT_TRUE(file.writable().empty());
  EXPECT_EQ(file.write(0, bytes_of("x")), EBADF);
  EXPECT_EQ(file.resize(3), EBADF);
  EXPECT_EQ(file.resize(30, Space::kReserved), EBADF);
  EXPECT_EQ(got(), "some text");
  file.close();
  EXPECT_FALSE(file.is_open());
  EXPECT_TRUE(file.bytes().empty());
  EXPECT_EQ(mappings_of(path_), 0);
}

TEST_F(MappedFiles, ErrorsAreValues) {
  MappedFile file;
  EXPECT_EQ(file.open(path()), ENOENT);
  EXPECT_EQ(file.open(path(), FileAccess::kReadWrite), ENOENT);
  EXPECT_EQ(file.open(folder_.c_str()), EISDIR);
  EXPECT_EQ(file.open("/dev/null"), ENODEV);
  ASSERT_EQ(::mkfifo(path(), 0600), 0);
  EXPECT_EQ(file.open(path()), ENODEV) << "and it was not waited for";
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(file.map(), EBADF);
  EXPECT_EQ(file.refresh(), EBADF);
  EXPECT_EQ(file.resize(1), EBADF);
  EXPECT_EQ(file.write(0, bytes_of("x")), EBADF);
  std::array<std::byte, 4> into;
  EXPECT_EQ(file.read(0, into).error, EBADF);
  EXPECT_EQ(file.find("x").error, EBADF);
  FileWindow window;
  EXPECT_EQ(file.window(0, 1, window), EBADF);
  EXPECT_EQ(file.flush(), 0);
}

TEST_F(MappedFiles, AFailedOpenLeavesNothingOpen) {
  put("abc");
  MappedFile file;
  ASSERT_EQ(file.open(path()), 0);
  EXPECT_EQ(file.open("/nowhere/at/all"), ENOENT);
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(file.size(), 0U);
  EXPECT_TRUE(file.bytes().empty());
}

TEST_F(MappedFiles, WritesThroughTheMemory) {
  put("0123456789");
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kReadWrite), 0);
  std::memcpy(file.writable().data() + 2, "ab", 2);
  EXPECT_EQ(file.flush(Flush::kStart), 0);
  EXPECT_EQ(file.flush(), 0);
  EXPECT_EQ(got(), "01ab456789");
  EXPECT_EQ(file.write(8, bytes_of("WXYZ")), 0);
  EXPECT_EQ(file.size(), 12U);
  EXPECT_EQ(file.bytes().size(), 10U);
  EXPECT_EQ(file.text(), "01ab4567WX");
  EXPECT_EQ(file.refresh(), 0);
  EXPECT_EQ(file.text(), "01ab4567WXYZ");
}

TEST_F(MappedFiles, CreatesEmptiesAndRefuses) {
  {
    MappedFile file;
    ASSERT_EQ(file.open(path(), FileAccess::kCreateNew), 0);
    EXPECT_EQ(file.size(), 0U);
    ASSERT_EQ(file.resize(5), 0);
    std::memcpy(file.writable().data(), "12345", 5);
  }
  EXPECT_EQ(got(), "12345");
  MappedFile file;
  EXPECT_EQ(file.open(path(), FileAccess::kCreateNew), EEXIST);
  ASSERT_EQ(file.open(path(), FileAccess::kCreate), 0);
  EXPECT_EQ(got(), "");
}

TEST_F(MappedFiles, CopyOnWriteNeverChangesTheFile) {
  put("untouched");
  ASSERT_EQ(::chmod(path(), 0400), 0);
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kCopyOnWrite), 0);
  std::memcpy(file.writable().data(), "TOUCHED!!", 9);
  EXPECT_EQ(file.text(), "TOUCHED!!");
  EXPECT_EQ(file.flush(), 0);
  EXPECT_EQ(file.resize(100), EROFS);
  EXPECT_EQ(file.write(0, bytes_of("x")), EBADF);
  EXPECT_EQ(got(), "untouched");
  std::array<std::byte, 9> into;
  ASSERT_EQ(file.read(0, into).value, 9U);
  EXPECT_EQ(text_of(into), "untouched") << "what the file holds";
  FileWindow window;
  ASSERT_EQ(file.window(0, 9, window), 0);
  window.writable()[0] = std::byte{'X'};
  EXPECT_EQ(got(), "untouched");
}

TEST_F(MappedFiles, AnEmptyFileIsAnEmptySpanAndNoMapping) {
  put("");
  for (const FileAccess access : {FileAccess::kRead, FileAccess::kReadWrite, FileAccess::kCopyOnWrite}) {
    MappedFile file;
    ASSERT_EQ(file.open(path(), access), 0);
    EXPECT_TRUE(file.is_open());
    EXPECT_TRUE(file.bytes().empty());
    EXPECT_EQ(mappings_of(path_), 0);
    EXPECT_EQ(file.flush(), 0);
    EXPECT_EQ(file.advise(Advice::kSequential), 0);
    EXPECT_EQ(file.refresh(), 0);
    EXPECT_EQ(file.find("x").value, MappedFile::kNotFound);
    EXPECT_EQ(file.find("").value, 0U);
    EXPECT_EQ(file.records<int>().trailing, 0U);
    FileWindow window;
    EXPECT_EQ(file.window(0, 100, window), 0);
    EXPECT_TRUE(window.bytes().empty());
    EXPECT_FALSE(file.windows(100).next());
  }
}

TEST_F(MappedFiles, MovesKeepTheMapping) {
  static_assert(!std::is_copy_constructible_v<MappedFile> && !std::is_copy_assignable_v<MappedFile>);
  static_assert(!std::is_copy_constructible_v<FileWindow>);
  put("moved");
  MappedFile a;
  ASSERT_EQ(a.open(path()), 0);
  const auto* at = a.bytes().data();
  MappedFile b = std::move(a);
  EXPECT_FALSE(a.is_open());  // NOLINT: what a move leaves is part of the promise
  EXPECT_TRUE(a.bytes().empty());
  EXPECT_EQ(b.bytes().data(), at);
  MappedFile c;
  ASSERT_EQ(c.open(path()), 0);
  c = std::move(b);
  EXPECT_EQ(c.text(), "moved");
  EXPECT_EQ(mappings_of(path_), 1) << "the one that was assigned to is closed";
  EXPECT_EQ(c.refresh(), 0);
  EXPECT_EQ(c.text(), "moved");
}

TEST_F(MappedFiles, GrowsAndShrinksWithTheMapping) {
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kCreate), 0);
  for (const std::uint64_t size : {1ULL, 4096ULL, 4097ULL, 100000ULL, 5000000ULL}) {
    for (const Space space : {Space::kSparse, Space::kReserved}) {
      ASSERT_EQ(file.resize(size + (space == Space::kReserved ? 1 : 0), space), 0);
      ASSERT_EQ(file.bytes().size(), file.size());
      file.writable().back() = std::byte{42};
      EXPECT_EQ(file.bytes()[0], size == 1 && space == Space::kSparse ? std::byte{42} : file.bytes()[0]);
    }
  }
  struct stat status;
  ASSERT_EQ(::stat(path(), &status), 0);
  EXPECT_EQ(status.st_size, 5000001);
  EXPECT_GE(status.st_blocks * 512, 5000001) << "reserved";
  ASSERT_EQ(file.resize(10), 0);
  EXPECT_EQ(file.bytes().size(), 10U);
  EXPECT_EQ(file.bytes()[0], std::byte{42});
  ASSERT_EQ(file.resize(0), 0);
  EXPECT_TRUE(file.bytes().empty());
  EXPECT_EQ(mappings_of(path_), 0);
  ASSERT_EQ(file.resize(3), 0) << "mapped again, as it was before";
  EXPECT_EQ(file.bytes().size(), 3U);
  EXPECT_EQ(file.resize(UINT64_MAX), EFBIG);
  EXPECT_EQ(file.bytes().size(), 3U);
}

TEST_F(MappedFiles, UnmappedFilesStayUnmapped) {
  put("abcdef");
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kReadWrite, Mapping::kNone), 0);
  EXPECT_EQ(file.size(), 6U);
  EXPECT_TRUE(file.bytes().empty());
  ASSERT_EQ(file.resize(9000), 0);
  ASSERT_EQ(file.refresh(), 0);
  EXPECT_EQ(mappings_of(path_), 0);
  ASSERT_EQ(file.map(), 0);
  EXPECT_EQ(file.bytes().size(), 9000U);
  file.unmap();
  EXPECT_EQ(mappings_of(path_), 0);
  EXPECT_TRUE(file.is_open());
}

TEST_F(MappedFiles, RefreshFollowsWhoeverTruncates) {
  const std::string text = numbered(20000);
  put(text);
  MappedFile file;
  ASSERT_EQ(file.open(path()), 0);
  truncate(5000);
  std::vector<std::byte> into(20000);
  const auto read = file.read(0, into);
  EXPECT_EQ(read.error, 0);
  EXPECT_EQ(read.value, 5000U) << "ends early, and does not fault";
  EXPECT_EQ(file.read(9000, into).value, 0U);
  ASSERT_EQ(file.refresh(), 0);
  EXPECT_EQ(file.text(), text.substr(0, 5000));
  truncate(0);
  ASSERT_EQ(file.refresh(), 0);
  EXPECT_TRUE(file.bytes().empty());
  put(text);
  ASSERT_EQ(file.refresh(), 0);
  EXPECT_EQ(file.text(), text);
}

TEST_F(MappedFiles, AdviceIsTakenOverTheWholeOrAPart) {
  put(numbered(50000));
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kCopyOnWrite), 0);
  for (const Advice advice : {Advice::kNormal, Advice::kSequential, Advice::kRandom, Advice::kWillNeed}) {
    EXPECT_EQ(file.advise(advice), 0);
    EXPECT_EQ(file.advise(advice, 4097, 10), 0);
  }
  EXPECT_EQ(file.advise(Advice::kNormal, 50000), 0);
  EXPECT_EQ(file.advise(Advice::kNormal, 50001), EINVAL);
  const std::byte first = file.bytes()[0];
  file.writable()[0] = std::byte{1};
  file.writable()[5000] = std::byte{2};
  EXPECT_EQ(file.advise(Advice::kDontNeed, 0, 100), 0);
  EXPECT_EQ(file.bytes()[0], first) << "dropped, so that it is the file's again";
  EXPECT_EQ(file.bytes()[5000], std::byte{2});
}

TEST_F(MappedFiles, RecordsAndWhatIsNone) {
  struct Record {
    std::uint32_t number;
    std::uint32_t square;
  };
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kCreate), 0);
  ASSERT_EQ(file.resize(16 + 10 * sizeof(Record) + 5), 0);
  auto made = file.writable_records<Record>(16);
  EXPECT_EQ(made.trailing, 5U);
  ASSERT_EQ(made.whole.size(), 10U);
  for (std::uint32_t i = 0; i < 10; ++i) made.whole[i] = {i, i * i};

  MappedFile reader;
  ASSERT_EQ(reader.open(path()), 0);
  const auto seen = reader.records<Record>(16);
  EXPECT_EQ(seen.trailing, 5U);
  ASSERT_EQ(seen.whole.size(), 10U);
  EXPECT_EQ(seen.whole[9].square, 81U);
  EXPECT_TRUE(reader.writable_records<Record>().whole.empty());
  EXPECT_TRUE(reader.records<Record>(3).whole.empty()) << "not aligned";
  EXPECT_EQ(reader.records<Record>(3).trailing, reader.bytes().size());
  EXPECT_TRUE(reader.records<Record>(4000).whole.empty()) << "a header beyond the end";
  EXPECT_EQ(reader.records<Record>(reader.bytes().size() / 4 * 4).whole.size(), 0U);
  EXPECT_EQ((reader.records<std::array<char, 1000>>().trailing), reader.bytes().size());
}

TEST_F(MappedFiles, AFixedBufferMayStandOnAFile) {
  {
    MappedFile file;
    ASSERT_EQ(file.open(path(), FileAccess::kCreate), 0);
    ASSERT_EQ(file.resize(8192), 0);
    weir::FixedBuffer buffer(file.writable());
    void* block = buffer.allocate({6, 1}, nullptr);
    ASSERT_NE(block, nullptr);
    std::memcpy(block, "stored", 6);
  }
  EXPECT_NE(got().find("stored"), std::string::npos);
}
