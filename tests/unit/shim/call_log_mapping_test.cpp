// The mappings of the call log: a thread within a line keeps its own, however many files come meanwhile.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <fstream>
#include <string>

#include "shim/watch/call_log_mapping.hpp"

namespace weir::call_log {
namespace {

constexpr std::uint64_t kBytes = 4096;

// A file in memory; its text as others read it.
class File {
 public:
  File() : fd_(memfd_create("a call log", MFD_CLOEXEC)) { EXPECT_EQ(ftruncate(fd_, kBytes), 0); }
  ~File() { close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  std::string text() const {
    char text[16] = "";
    EXPECT_EQ(pread(fd_, text, sizeof text - 1, 0), static_cast<ssize_t>(sizeof text - 1));
    return text;
  }

 private:
  int fd_;
};

std::size_t maps_of(const char* name) {
  std::ifstream maps("/proc/self/maps");
  std::size_t n = 0;
  for (std::string line; std::getline(maps, line);) n += line.find(name) != std::string::npos ? 1 : 0;
  return n;
}

void write(const LogMappings::Entry& entry, const char* text) {
  std::strcpy(entry.start(), text);
}

TEST(LogMappings, TheTwoNewest) {
  LogMappings log_maps;
  EXPECT_EQ(LogMappings::Entry(log_maps, 1).start(), nullptr);
  File file[4];
  for (std::uint64_t n = 1; n <= 3; ++n) {
    ASSERT_TRUE(log_maps.add(file[n].fd(), n, kBytes));
    write({log_maps, n}, std::to_string(n).c_str());
    EXPECT_EQ(file[n].text(), std::to_string(n));
  }
  EXPECT_EQ(LogMappings::Entry(log_maps, 1).start(), nullptr);
  EXPECT_NE(LogMappings::Entry(log_maps, 2).start(), nullptr);
  EXPECT_EQ(LogMappings::Entry(log_maps, 4).start(), nullptr);
  EXPECT_EQ(maps_of("memfd:a call log"), 2u);
  log_maps.forget(kBytes);
  EXPECT_EQ(maps_of("memfd:a call log"), 0u);
  EXPECT_EQ(LogMappings::Entry(log_maps, 3).start(), nullptr);
}

TEST(LogMappings, WhoStandsStillWritesToNobodysFile) {
  LogMappings log_maps;
  std::deque<File> files(100);
  std::uint64_t n = 1;
  const auto next = [&] {
    ASSERT_TRUE(log_maps.add(files[n - 1].fd(), n, kBytes));
    ++n;
  };
  next();
  {
    LogMappings::Entry first(log_maps, 1);
    next();
    LogMappings::Entry second(log_maps, 2);
    write(first, "in time");
    EXPECT_EQ(files[0].text(), "in time");
    while (n <= 20) next();
    const LogMappings::Entry moved = std::move(second);
    EXPECT_EQ(second.start(), nullptr);  // NOLINT(bugprone-use-after-move): that is what is looked at
    write(first, "too late");
    write(moved, "too late");
    EXPECT_EQ(files[0].text(), "in time");
    for (std::size_t i = 1; i < 20; ++i) EXPECT_EQ(files[i].text(), "");
    EXPECT_EQ(maps_of("memfd:a call log"), 2u) << "a deleted file that is mapped keeps its room on the disk";
  }
  while (n <= 100) {
    const LogMappings::Entry entry(log_maps, n - 1);
    next();
    next();
  }
  log_maps.forget(kBytes);
  EXPECT_EQ(maps_of("memfd:a call log"), 0u);
}

}  // namespace
}  // namespace weir::call_log
