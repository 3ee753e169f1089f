// How the files of core/ make system calls: mapped_file.cpp and mapped_file_sharing.cpp. Not installed.
#pragma once

#include <fcntl.h>

#include <cerrno>

#include "mapped_file.hpp"

namespace weir {

// Errors are values here, and the caller's errno is not ours.
class KeepErrno {
 public:
  KeepErrno() noexcept = default;
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;
  ~KeepErrno() { errno = saved_; }

 private:
  int saved_ = errno;
};

// The result of a system call that says -1, made until no signal interrupts it.
template <typename Call>
auto persistently(Call call) noexcept {
  auto result = call();
  while (result == -1 && errno == EINTR) {
    result = call();
  }
  return result;
}

// 0 or errno.
template <typename Call>
int error_of(Call call) noexcept {
  return persistently(call) == -1 ? errno : 0;
}

inline int open_flags(FileAccess access) noexcept {
  switch (access) {
    case FileAccess::kRead:
    case FileAccess::kCopyOnWrite:
    case FileAccess::kReadExecute:
      return O_RDONLY;
    case FileAccess::kReadWrite:
      return O_RDWR;
    case FileAccess::kCreate:
      return O_RDWR | O_CREAT | O_TRUNC;
    case FileAccess::kCreateNew:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

}  // namespace weir
