// What MappedFile has for other processes and for memory: descriptors, names, locks, what is read in.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "core/file_calls.hpp"
#include "core/mapped_file.hpp"

namespace weir {
namespace {

// MADV_POPULATE_READ and _WRITE, which older headers lack.
constexpr int kPopulateRead = 22;
constexpr int kPopulateWrite = 23;

int set_lock(int file, short type, Wait wait, std::uint64_t offset, std::uint64_t length) noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<off_t>::max();
  if (offset > kMost) {
    return EOVERFLOW;
  }
  if (length == 0) {
    return 0;  // the system would take it for "to the end"
  }
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(offset);
  range.l_len = length > kMost - offset ? 0 : static_cast<off_t>(length);
  return error_of([&] { return ::fcntl(file, wait == Wait::kYes ? F_OFD_SETLKW : F_OFD_SETLK, &range); });
}

}  // namespace

int MappedFile::open_descriptor(int descriptor, FileAccess access, Mapping mapping) noexcept {
  const KeepErrno keep;
  // Before what is open is closed: it may be what the descriptor is of.
  const int flags = ::fcntl(descriptor, F_GETFL);
  const int file = flags == -1 ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (file == -1) {
    const int error = errno;
    close();
    return error;
  }
  close();
  const bool writes = access == FileAccess::kReadWrite;
  const bool creates = access == FileAccess::kCreate || access == FileAccess::kCreateNew;
  const int allowed = flags & O_ACCMODE;
  if (creates || allowed == O_WRONLY || (writes && allowed != O_RDWR) || (flags & O_PATH) != 0) {
    ::close(file);
    return creates ? EINVAL : EACCES;
  }
  return adopt(file, access, mapping);
}

int MappedFile::open_shared_memory(const char* name, FileAccess access, Mapping mapping) noexcept {
  const KeepErrno keep;
  close();
  const int file = persistently([&] { return ::shm_open(name, open_flags(access), 0600); });
  return file == -1 ? errno : adopt(file, access, mapping);
}

int MappedFile::remove_shared_memory(const char* name) noexcept {
  const KeepErrno keep;
  return error_of([&] { return ::shm_unlink(name); });
}

int MappedFile::lock(FileLock how, Wait wait, std::uint64_t offset, std::uint64_t length) noexcept {
  const KeepErrno keep;
  return set_lock(file_, how == FileLock::kShared ? F_RDLCK : F_WRLCK, wait, offset, length);
}

int MappedFile::unlock(std::uint64_t offset, std::uint64_t length) noexcept {
  const KeepErrno keep;
  return set_lock(file_, F_UNLCK, Wait::kNo, offset, length);
}

int MappedFile::lock_memory() noexcept {
  const KeepErrno keep;
  return view_.empty() ? 0 : error_of([&] { return ::mlock(view_.data(), view_.size()); });
}

int MappedFile::unlock_memory() noexcept {
  const KeepErrno keep;
  return view_.empty() ? 0 : error_of([&] { return ::munlock(view_.data(), view_.size()); });
}

int MappedFile::prefault() noexcept {
  const KeepErrno keep;
  if (view_.empty()) {
    return 0;
  }
  const auto advised = [this](int advice) {
    return error_of([&] { return ::madvise(view_.data(), view_.size(), advice); });
  };
  const int error = advised(is_writable() ? kPopulateWrite : kPopulateRead);
  return error == EINVAL ? advised(MADV_WILLNEED) : error;  // before Linux 5.14
}

}  // namespace weir
