// MappedFile between processes and in memory: descriptors, locks, shared memory, execution; ProcessSemaphore.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "core/mapped_file.hpp"
#include "core/process_semaphore.hpp"
#include "tests/unit/core/mapped_file_fixture.hpp"

namespace weir::test {
namespace {

using namespace std::chrono_literals;

class SharedFiles : public MappedFiles {
 protected:
  void SetUp() override {
    MappedFiles::SetUp();
    name_ = "/weir_test_" + std::to_string(::getpid());
  }
  void TearDown() override {
    MappedFile::remove_shared_memory(name_.c_str());
    MappedFiles::TearDown();
  }

  // The status with which a child of fork ends that runs this.
  static pid_t start(const std::function<bool()>& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work() ? 0 : 1);
    return child;
  }
  static bool ended_well(pid_t child) {
    int status = -1;
    return ::waitpid(child, &status, 0) == child && status == 0;
  }

  std::string name_;
};

TEST_F(SharedFiles, OpensADescriptorAndLeavesItToTheCaller) {
  put("of a descriptor");
  const int readable = ::open(path(), O_RDONLY | O_CLOEXEC);
  MappedFile file;
  ASSERT_EQ(file.open_descriptor(readable), 0);
  EXPECT_EQ(file.text(), "of a descriptor");
  EXPECT_EQ(file.open_descriptor(readable, FileAccess::kReadWrite), EACCES);
  EXPECT_FALSE(file.is_open());
  EXPECT_EQ(file.open_descriptor(readable, FileAccess::kCreate), EINVAL);
  ASSERT_EQ(file.open_descriptor(readable, FileAccess::kCopyOnWrite), 0);
  file.close();
  char first = 0;
  EXPECT_EQ(::pread(readable, &first, 1, 0), 1) << "still open";
  ::close(readable);
  EXPECT_EQ(file.open_descriptor(readable), EBADF);
  EXPECT_EQ(file.open_descriptor(-1), EBADF);

  const int write_only = ::open(path(), O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(file.open_descriptor(write_only), EACCES);
  ::close(write_only);

  const int memory = ::memfd_create("weir", MFD_CLOEXEC);
  ASSERT_EQ(file.open_descriptor(memory, FileAccess::kReadWrite), 0);
  ::close(memory);
  ASSERT_EQ(file.resize(100), 0);
  EXPECT_EQ(file.writable().size(), 100U);
  errno = kMark;
}

TEST_F(SharedFiles, WhatOnlyLooksEmptyIsAnError) {
  MappedFile file;
  for (const Mapping mapping : {Mapping::kWhole, Mapping::kNone}) {
    EXPECT_EQ(file.open("/proc/self/status", FileAccess::kRead, mapping), ENODEV);
    EXPECT_EQ(file.open("/proc/self/maps", FileAccess::kRead, mapping), ENODEV);
    EXPECT_EQ(file.open("/dev/zero", FileAccess::kRead, mapping), ENODEV);
    EXPECT_EQ(file.open("/proc/self", FileAccess::kRead, mapping), EISDIR);
  }
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe(ends.data()), 0);
  EXPECT_EQ(file.open_descriptor(ends[0]), ENODEV);
  ::close(ends[0]);
  ::close(ends[1]);
  const int folder = ::open("/", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(file.open_descriptor(folder), EISDIR);
  ::close(folder);
  errno = kMark;
}

TEST_F(SharedFiles, RunsTheCodeOfAFile) {
#if defined(__x86_64__)
  put(std::string("\xb8\x2a\x00\x00\x00\xc3", 6));  // mov $42, %eax; ret
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kReadExecute), 0);
  int (*answer)() = nullptr;
  const void* code = file.bytes().data();
  std::memcpy(&answer, &code, sizeof answer);
  EXPECT_EQ(answer(), 42);
  EXPECT_TRUE(file.writable().empty());
  EXPECT_EQ(file.write(0, bytes_of("x")), EBADF);
  FileWindow window;
  ASSERT_EQ(file.window(0, 6, window), 0);
  EXPECT_TRUE(window.writable().empty());
#else
  GTEST_SKIP() << "knows the code of x86-64 only";
#endif
}

std::size_t pages_in_memory(std::span<const std::byte> bytes) {
  std::array<unsigned char, 64> pages{};
  std::size_t count = 0;
  if (::mincore(const_cast<std::byte*>(bytes.data()), bytes.size(), pages.data()) != 0) return SIZE_MAX;
  for (std::size_t i = 0; i < bytes.size() / 4096; ++i) count += pages[i] & 1;
  return count;
}

std::size_t locked_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmLck:")) return std::stoul(line.substr(6));
  }
  return SIZE_MAX;
}

TEST_F(SharedFiles, PrefaultsAndLocksItsMemory) {
  MappedFile file;
  ASSERT_EQ(file.open(path(), FileAccess::kCreate, Mapping::kPrefaulted), 0);
  rusage before{};
  rusage after{};
  ASSERT_EQ(file.resize(16 * 4096), 0);
  ASSERT_EQ(file.resize(60 * 4096), 0);
  EXPECT_EQ(pages_in_memory(file.bytes()), 60U);
  std::byte* const begin = file.writable().data();
  ::getrusage(RUSAGE_THREAD, &before);
  std::memset(begin, 1, std::size_t{60} * 4096);
  ::getrusage(RUSAGE_THREAD, &after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadow has faults of its own
  EXPECT_LT(after.ru_minflt - before.ru_minflt, 10) << "60 pages were there already";
#endif
  MappedFile reader;
  ASSERT_EQ(reader.open(path(), FileAccess::kRead, Mapping::kPrefaulted), 0);
  EXPECT_EQ(reader.prefault(), 0);

  const std::size_t locked = locked_kilobytes();
  errno = kMark;
  ASSERT_EQ(file.lock_memory(), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // who make mlock do nothing
  EXPECT_EQ(locked_kilobytes(), locked + 240);
#endif
  EXPECT_EQ(file.unlock_memory(), 0);
  EXPECT_EQ(locked_kilobytes(), locked);
  file.close();
  EXPECT_EQ(file.lock_memory(), 0) << "of nothing";
  EXPECT_EQ(file.prefault(), 0);
  errno = kMark;
}

TEST_F(SharedFiles, LocksKeepOthersOutWhoLock) {
  put("locked");
  MappedFile mine;
  MappedFile others;
  ASSERT_EQ(mine.open(path(), FileAccess::kReadWrite), 0);
  ASSERT_EQ(others.open(path(), FileAccess::kReadWrite), 0);
  ASSERT_EQ(mine.lock(FileLock::kExclusive), 0);
  EXPECT_EQ(others.lock(FileLock::kShared, Wait::kNo), EAGAIN) << "another open file of the same process";
  EXPECT_TRUE(ended_well(start([&] {
    MappedFile file;
    return file.open(path(), FileAccess::kReadWrite) == 0 &&
           file.lock(FileLock::kExclusive, Wait::kNo) == EAGAIN;
  })));
  ASSERT_EQ(mine.unlock(), 0);
  ASSERT_EQ(others.lock(FileLock::kShared), 0);
  EXPECT_EQ(mine.lock(FileLock::kShared, Wait::kNo), 0) << "readers";
  EXPECT_EQ(mine.lock(FileLock::kExclusive, Wait::kNo), EAGAIN);
  others.close();
  EXPECT_EQ(mine.lock(FileLock::kExclusive, Wait::kNo), 0) << "a closed file holds none";

  ASSERT_EQ(others.open(path(), FileAccess::kReadWrite), 0);
  ASSERT_EQ(mine.unlock(), 0);
  ASSERT_EQ(mine.lock(FileLock::kExclusive, Wait::kNo, 0, 3), 0);
  EXPECT_EQ(others.lock(FileLock::kExclusive, Wait::kNo, 3, 3), 0) << "other bytes";
  EXPECT_EQ(others.lock(FileLock::kExclusive, Wait::kNo, 2, 1), EAGAIN);
  EXPECT_EQ(others.lock(FileLock::kExclusive, Wait::kNo, 2, 0), 0) << "nothing";

  MappedFile reader;
  ASSERT_EQ(reader.open(path()), 0);
  EXPECT_EQ(reader.lock(FileLock::kExclusive, Wait::kNo, 100), EBADF);
  reader.close();
  EXPECT_EQ(reader.lock(FileLock::kShared), EBADF);
  EXPECT_EQ(reader.unlock(), EBADF);
}

TEST_F(SharedFiles, ALockIsWaitedFor) {
  put("locked");
  MappedFile mine;
  ASSERT_EQ(mine.open(path(), FileAccess::kReadWrite), 0);
  ASSERT_EQ(mine.lock(FileLock::kExclusive), 0);
  const pid_t child = start([&] {
    MappedFile file;
    if (file.open(path(), FileAccess::kReadWrite) != 0) return false;
    return file.lock(FileLock::kExclusive) == 0 && file.bytes()[0] == std::byte{'L'};
  });
  std::this_thread::sleep_for(20ms);  // long enough for a child that does not wait to read too early
  mine.writable()[0] = std::byte{'L'};
  ASSERT_EQ(mine.unlock(), 0);
  EXPECT_TRUE(ended_well(child));
}

TEST_F(SharedFiles, SharedMemoryHasANameAndNoFile) {
  MappedFile mine;
  EXPECT_EQ(mine.open_shared_memory(name_.c_str(), FileAccess::kReadWrite), ENOENT);
  ASSERT_EQ(mine.open_shared_memory(name_.c_str(), FileAccess::kCreateNew), 0);
  ASSERT_EQ(mine.resize(8192, Space::kReserved), 0);
  EXPECT_EQ(mine.open_shared_memory(name_.c_str(), FileAccess::kCreateNew), EEXIST);
  EXPECT_FALSE(mine.is_open());
  ASSERT_EQ(mine.open_shared_memory(name_.c_str(), FileAccess::kReadWrite), 0);
  EXPECT_EQ(mine.size(), 8192U) << "it outlives who made it";
  mine.writable()[8191] = std::byte{7};
  EXPECT_TRUE(ended_well(start([&] {
    MappedFile theirs;
    return theirs.open_shared_memory(name_.c_str(), FileAccess::kRead) == 0 &&
           theirs.bytes()[8191] == std::byte{7};
  })));
  EXPECT_EQ(MappedFile::remove_shared_memory(name_.c_str()), 0);
  EXPECT_EQ(MappedFile::remove_shared_memory(name_.c_str()), ENOENT);
  EXPECT_EQ(mine.bytes()[8191], std::byte{7}) << "until it is unmapped";
  EXPECT_EQ(mine.open_shared_memory("/no/such/place", FileAccess::kCreateNew), EINVAL);
}

// A message at a time from one process to another, each waiting for the other.
struct Channel {
  ProcessSemaphore full;
  ProcessSemaphore taken;
  std::uint64_t message;
};

TEST_F(SharedFiles, ProcessesTakeTurnsInSharedMemory) {
  MappedFile mine;
  ASSERT_EQ(mine.open_shared_memory(name_.c_str(), FileAccess::kCreateNew), 0);
  ASSERT_EQ(mine.resize(sizeof(Channel), Space::kReserved), 0);
  auto* channel = reinterpret_cast<Channel*>(mine.writable().data());
  const pid_t child = start([&] {
    MappedFile theirs;
    if (theirs.open_shared_memory(name_.c_str(), FileAccess::kReadWrite) != 0) return false;
    auto* there = reinterpret_cast<Channel*>(theirs.writable().data());
    for (std::uint64_t i = 0; i < 1000; ++i) {
      there->message = i * i;
      there->full.release();
      there->taken.acquire();
    }
    return true;
  });
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(channel->full.acquire_for(60s));
    ASSERT_EQ(channel->message, i * i);
    channel->taken.release();
  }
  EXPECT_TRUE(ended_well(child));
  EXPECT_EQ(channel->full.count(), 0U);
}

TEST(ProcessSemaphoreTest, CountsItsTurns) {
  errno = kMark;
  ProcessSemaphore semaphore(2);
  EXPECT_TRUE(semaphore.try_acquire());
  semaphore.acquire();
  EXPECT_FALSE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.acquire_for(-1s));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(semaphore.acquire_for(3ms));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 3ms);
  semaphore.release(0);
  EXPECT_EQ(semaphore.count(), 0U);
  semaphore.release(3);
  EXPECT_EQ(semaphore.count(), 3U);
  EXPECT_TRUE(semaphore.acquire_for(std::chrono::nanoseconds::max()));
  EXPECT_EQ(errno, kMark);
}

TEST(ProcessSemaphoreTest, WakesThreadsThatSleep) {
  ProcessSemaphore turns;
  std::atomic<int> through = 0;
  std::array<std::thread, 4> threads;
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      for (int i = 0; i < 500; ++i) {
        turns.acquire();
        ++through;
      }
    });
  }
  for (int i = 0; i < 1000; ++i) {
    turns.release(2);
    if (i % 100 == 0) std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(through, 2000);
  EXPECT_EQ(turns.count(), 0U);
}

}  // namespace
}  // namespace weir::test
