#include "core/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/file_calls.hpp"
#include "core/pages.hpp"

namespace weir {
namespace {

constexpr std::size_t kSearchWindow = std::size_t{64} << 20;

int protection(FileAccess access) noexcept {
  switch (access) {
    case FileAccess::kRead:
      return PROT_READ;
    case FileAccess::kReadExecute:
      return PROT_READ | PROT_EXEC;
    default:
      return PROT_READ | PROT_WRITE;
  }
}

int sharing(FileAccess access) noexcept {
  return access == FileAccess::kCopyOnWrite || access == FileAccess::kReadExecute ? MAP_PRIVATE : MAP_SHARED;
}

// How many bytes of a file may be pointed at.
bool fits(std::uint64_t bytes) noexcept {
  return bytes <= PTRDIFF_MAX - kPageSize;
}

int size_of(int file, std::uint64_t& size) noexcept {
  struct stat status;
  if (const int error = error_of([&] { return ::fstat(file, &status); })) {
    return error;
  }
  if (!S_ISREG(status.st_mode)) {
    return S_ISDIR(status.st_mode) ? EISDIR : ENODEV;
  }
  size = static_cast<std::uint64_t>(status.st_size);
  return 0;
}

// Files of /proc and their like say that they are empty, and have contents nevertheless: what cannot be mapped tells
// them from a file that is.
int check_mappable(int file) noexcept {
  void* page = ::mmap(nullptr, kPageSize, PROT_READ, MAP_PRIVATE, file, 0);
  if (page == MAP_FAILED) {
    return errno;
  }
  ::munmap(page, kPageSize);
  return 0;
}

int map_bytes(int file, FileAccess access, std::uint64_t offset, std::size_t bytes,
              std::span<std::byte>& into) noexcept {
  void* p = ::mmap(nullptr, bytes, protection(access), sharing(access), file, static_cast<off_t>(offset));
  if (p == MAP_FAILED) {
    return errno;
  }
  into = {static_cast<std::byte*>(p), bytes};
  return 0;
}

int flush_pages(std::span<std::byte> bytes, Flush how) noexcept {
  if (bytes.empty()) {
    return 0;
  }
  return error_of(
      [&] { return ::msync(bytes.data(), bytes.size(), how == Flush::kWait ? MS_SYNC : MS_ASYNC); });
}

}  // namespace

FileWindow::~FileWindow() {
  if (!pages_.empty()) {
    unmap_pages(pages_.data(), pages_.size());
  }
}

int FileWindow::flush(Flush how) noexcept {
  const KeepErrno keep;
  return flush_pages(pages_, how);
}

int MappedFile::open(const char* path, FileAccess access, Mapping mapping) noexcept {
  const KeepErrno keep;
  close();
  // Without O_NONBLOCK a FIFO would be waited for; for files it changes nothing.
  const int flags = open_flags(access) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const int file = persistently([&] { return ::open(path, flags, 0666); });
  if (file == -1) {
    return errno;
  }
  return adopt(file, access, mapping);
}

// Takes over a descriptor; closed again when it cannot be used.
int MappedFile::adopt(int file, FileAccess access, Mapping mapping) noexcept {
  MappedFile opened;
  opened.file_ = file;
  opened.access_ = access;
  opened.prefaulted_ = mapping == Mapping::kPrefaulted;
  int error = size_of(file, opened.size_);
  if (error == 0 && opened.size_ == 0) {
    error = check_mappable(file);
  }
  if (error == 0 && mapping != Mapping::kNone) {
    error = opened.map();
  }
  if (error == 0) {
    swap(opened);
  }
  return error;
}

void MappedFile::close() noexcept {
  const KeepErrno keep;
  unmap();
  if (file_ >= 0) {
    ::close(file_);  // not again after EINTR: Linux has closed it then
  }
  file_ = -1;
  size_ = 0;
  prefaulted_ = false;
}

int MappedFile::map() noexcept {
  if (!is_open()) {
    return EBADF;
  }
  const KeepErrno keep;
  mapped_ = true;
  const int error = fit_view();
  mapped_ = error == 0 || !view_.empty();
  return error;
}

void MappedFile::unmap() noexcept {
  if (!view_.empty()) {
    unmap_pages(view_.data(), round_up(view_.size(), kPageSize));
  }
  view_ = {};
  mapped_ = false;
}

// Makes what is mapped as large as the file. On failure it is what it was.
int MappedFile::fit_view() noexcept {
  if (!mapped_ || view_.size() == size_) {
    return 0;
  }
  if (!fits(size_)) {
    return EFBIG;
  }
  const auto size = static_cast<std::size_t>(size_);
  if (view_.empty()) {
    const int error = map_bytes(file_, access_, 0, size, view_);
    if (error == 0 && prefaulted_) {
      prefault();
    }
    return error;
  }
  if (size == 0) {
    unmap_pages(view_.data(), round_up(view_.size(), kPageSize));
    view_ = {};
    return 0;
  }
  void* p = ::mremap(view_.data(), view_.size(), size, MREMAP_MAYMOVE);
  if (p == MAP_FAILED) {
    return errno;
  }
  view_ = {static_cast<std::byte*>(p), size};
  if (prefaulted_) {
    prefault();
  }
  return 0;
}

int MappedFile::window(std::uint64_t offset, std::size_t length, FileWindow& into) const noexcept {
  if (!is_open()) {
    return EBADF;
  }
  const KeepErrno keep;
  FileWindow made;
  made.offset_ = offset;
  made.writable_ = is_writable();
  if (offset < size_ && length != 0) {
    const std::size_t skipped = offset % kPageSize;
    const std::uint64_t bytes = std::min<std::uint64_t>(length, size_ - offset);
    if (!fits(bytes)) {
      return EFBIG;
    }
    if (const int error = map_bytes(file_, access_, offset - skipped, skipped + bytes, made.pages_)) {
      return error;
    }
    made.bytes_ = made.pages_.subspan(skipped);
  }
  into = std::move(made);
  return 0;
}

FileWindows MappedFile::windows(std::size_t length, std::size_t overlap) const noexcept {
  return {*this, length, overlap};
}

bool FileWindows::next() noexcept {
  if (done_) {
    return false;
  }
  window_ = FileWindow();  // before the next one is mapped, so that there is never more than one
  error_ = file_.window(next_, length_, window_);
  const std::uint64_t end = next_ + window_.bytes().size();
  done_ = error_ != 0 || end >= file_.size();
  next_ = end - std::min<std::uint64_t>(end, overlap_);
  return error_ == 0 && !window_.bytes().empty();
}

FileResult<std::size_t> MappedFile::read(std::uint64_t offset, std::span<std::byte> into) const noexcept {
  const KeepErrno keep;
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = persistently([&] {
      return ::pread(file_, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    });
    if (got <= 0) {
      return {done, got == 0 ? 0 : errno};
    }
    done += static_cast<std::size_t>(got);
  }
  return {done, 0};
}

int MappedFile::write(std::uint64_t offset, std::span<const std::byte> from) noexcept {
  const KeepErrno keep;
  std::size_t done = 0;
  while (done < from.size()) {
    const ssize_t put = persistently([&] {
      return ::pwrite(file_, from.data() + done, from.size() - done, static_cast<off_t>(offset + done));
    });
    if (put == -1) {
      return errno;
    }
    done += static_cast<std::size_t>(put);
    size_ = std::max(size_, offset + done);
  }
  return 0;
}

FileResult<std::uint64_t> MappedFile::find(std::span<const std::byte> needle,
                                           std::uint64_t from) const noexcept {
  if (!is_open()) {
    return {kNotFound, EBADF};
  }
  if (from > size_ || needle.size() > size_ - from) {
    return {kNotFound, 0};
  }
  if (needle.empty()) {
    return {from, 0};
  }
  const auto place_in = [&](std::span<const std::byte> bytes, std::uint64_t offset) -> std::uint64_t {
    const void* found = ::memmem(bytes.data(), bytes.size(), needle.data(), needle.size());
    if (found == nullptr) {
      return kNotFound;
    }
    return offset + static_cast<std::uint64_t>(static_cast<const std::byte*>(found) - bytes.data());
  };
  if (view_.size() == size_) {
    return {place_in(bytes().subspan(from), from), 0};
  }
  // A window has room for many needles, and the next one begins where one that it has cut would.
  const std::size_t overlap = needle.size() - 1;
  const std::size_t length = std::max(kSearchWindow, overlap > SIZE_MAX / 4 ? SIZE_MAX : needle.size() * 4);
  FileWindow window;
  for (std::uint64_t offset = from; offset < size_; offset += window.bytes().size() - overlap) {
    if (const int error = this->window(offset, length, window)) {
      return {kNotFound, error};
    }
    const std::uint64_t found = place_in(window.bytes(), offset);
    if (found != kNotFound || offset + window.bytes().size() >= size_) {
      return {found, 0};
    }
  }
  return {kNotFound, 0};
}

int MappedFile::resize(std::uint64_t bytes, Space space) noexcept {
  const KeepErrno keep;
  if (access_ == FileAccess::kCopyOnWrite) {
    return EROFS;
  }
  if (!fits(bytes)) {
    return EFBIG;
  }
  const auto wanted = static_cast<off_t>(bytes);
  if (space == Space::kReserved && bytes > size_) {
    // It returns the error, and has no bytes to reserve for an empty range.
    int error = 0;
    do {
      error = ::posix_fallocate(file_, 0, wanted);
    } while (error == EINTR);
    if (error != 0) {
      return error;
    }
  } else if (const int error = error_of([&] { return ::ftruncate(file_, wanted); })) {
    return error == EINVAL && !is_writable() ? EBADF : error;
  }
  size_ = bytes;
  return fit_view();
}

int MappedFile::refresh() noexcept {
  const KeepErrno keep;
  if (const int error = size_of(file_, size_)) {
    return error;
  }
  return fit_view();
}

int MappedFile::flush(Flush how) noexcept {
  const KeepErrno keep;
  return flush_pages(view_, how);
}

int MappedFile::advise(Advice advice, std::uint64_t offset, std::uint64_t length) noexcept {
  static constexpr int kValues[] = {MADV_NORMAL, MADV_SEQUENTIAL, MADV_RANDOM, MADV_WILLNEED, MADV_DONTNEED};
  const KeepErrno keep;
  if (offset >= view_.size()) {
    return offset == view_.size() ? 0 : EINVAL;
  }
  const std::size_t start = offset - offset % kPageSize;
  const std::size_t bytes = std::min<std::uint64_t>(length, view_.size() - offset) + (offset - start);
  return error_of([&] { return ::madvise(view_.data() + start, bytes, kValues[static_cast<int>(advice)]); });
}

}  // namespace weir
