// A file of its own in a temporary folder for each test of MappedFile, and errno watched.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

#include "core/mapped_file.hpp"

namespace weir::test {

inline constexpr int kMark = 31337;  // in errno, which nobody may touch

class MappedFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir_mapped_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = (folder_ / "file").string();
    errno = kMark;
  }
  void TearDown() override {
    EXPECT_EQ(errno, kMark) << "errno was touched";
    std::filesystem::remove_all(folder_);
  }

  void put(std::string_view text) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << text;
    errno = kMark;
  }
  std::string got() {
    std::ostringstream text;
    text << std::ifstream(path_, std::ios::binary).rdbuf();
    errno = kMark;
    return text.str();
  }
  void truncate(off_t size) {
    ASSERT_EQ(::truncate(path_.c_str(), size), 0);
    errno = kMark;
  }
  const char* path() const { return path_.c_str(); }

  std::filesystem::path folder_;
  std::string path_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string numbered(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) text += std::to_string(i) + '\n';
  text.resize(bytes);
  return text;
}

// Mappings of this process that show the file.
inline int mappings_of(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) count += line.ends_with(path) ? 1 : 0;
  errno = kMark;
  return count;
}

}  // namespace weir::test
