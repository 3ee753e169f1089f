// Files as memory.
//
//   MappedFile file;
//   if (int error = file.open("data", FileAccess::kRead); error != 0) ...   // errno's values; 0 is success
//   for (const LogEntry& entry : file.records<LogEntry>().whole) ...
//
// - open maps the whole file; Mapping::kNone leaves that to window() and windows(), for files that are
//   larger than what may be mapped at once. A window lives as long as its FileWindow,
//   also when the file is closed.
// - Addresses are good until resize, refresh, unmap, close or open; moving a MappedFile keeps them.
// - An empty file is an empty span and no mapping. What only looks like one, as files of /proc do, can't be mapped and is
//   ENODEV, as pipes and devices are; a directory is EISDIR.
// - Whoever else truncates the file takes the pages behind its new end away: touching them is SIGBUS, and no
//   check can be quick enough to prevent that. refresh() reads the size again and shrinks the view, so that
//   what comes after it is safe up to the next truncation;
//   read() copies by pread and never faults, but ends early.
// - A write to a page that the disk has no room for is SIGBUS too:
//   resize with Space::kReserved makes room first.
// - Not thread-safe, but any number of threads may use the memory, and read(). Never calls malloc. errno is
//   left as it was. Calls that a signal interrupts are made again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir {

enum class FileAccess {
  kRead,
  kReadWrite,
  kCreate,       // read and write; made if it isn't there, emptied if it is
  kCreateNew,    // read and write; EEXIST if it is there
  kCopyOnWrite,  // writable memory over a file that is opened for reading and never changed
  kReadExecute,  // code: readable, and may be called; EPERM on a file system that is mounted noexec
};
enum class Mapping {
  kWhole,
  kPrefaulted,  // the whole, and read in before open returns; what resize adds as well
  kNone,
};
enum class Flush { kWait, kStart };  // until it is on the disk, or not
enum class Space { kSparse, kReserved };
enum class FileLock { kShared, kExclusive };
enum class Wait { kYes, kNo };
enum class Advice { kNormal, kSequential, kRandom, kWillNeed, kDontNeed };

// A value, or why there is none.
template <typename T>
struct FileResult {
  T value{};
  int error = 0;

  explicit operator bool() const noexcept { return error == 0; }
};

// A part of a file in memory. Move-only; unmapped when it goes.
class FileWindow {
 public:
  FileWindow() noexcept = default;
  FileWindow(FileWindow&& other) noexcept { swap(other); }
  FileWindow& operator=(FileWindow&& other) noexcept {
    FileWindow(std::move(other)).swap(*this);
    return *this;
  }
  ~FileWindow();

  std::uint64_t offset() const noexcept { return offset_; }
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::span<std::byte> writable() const noexcept { return writable_ ? bytes_ : std::span<std::byte>(); }
  int flush(Flush how = Flush::kWait) noexcept;

  void swap(FileWindow& other) noexcept {
    std::swap(pages_, other.pages_);
    std::swap(bytes_, other.bytes_);
    std::swap(offset_, other.offset_);
    std::swap(writable_, other.writable_);
  }

 private:
  friend class MappedFile;
  std::span<std::byte> pages_;  // whole ones, around bytes_
  std::span<std::byte> bytes_;
  std::uint64_t offset_ = 0;
  bool writable_ = false;
};

// The records of a file, and how many bytes at its end are none.
template <typename T>
struct FileRecords {
  std::span<T> whole;
  std::size_t trailing = 0;
};

class FileWindows;

class MappedFile {
 public:
  static constexpr std::uint64_t kNotFound = UINT64_MAX;
  static constexpr std::uint64_t kToTheEnd = UINT64_MAX;

  MappedFile() noexcept = default;
  MappedFile(MappedFile&& other) noexcept { swap(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    MappedFile(std::move(other)).swap(*this);
    return *this;
  }
  ~MappedFile() { close(); }
  void swap(MappedFile& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(access_, other.access_);
    std::swap(mapped_, other.mapped_);
    std::swap(prefaulted_, other.prefaulted_);
    std::swap(size_, other.size_);
    std::swap(view_, other.view_);
  }

  // Regular files only: EISDIR and ENODEV for others. What was open before is closed first.
  int open(const char* path, FileAccess access = FileAccess::kRead,
           Mapping mapping = Mapping::kWhole) noexcept;
  // The same for a file that is open already, as a memfd is, or one that was received from another process. The
  // descriptor is duplicated, and stays the caller's. EACCES where it does not allow the access; EINVAL for kCreate and
  // kCreateNew.
  int open_descriptor(int descriptor, FileAccess access = FileAccess::kRead,
                      Mapping mapping = Mapping::kWhole) noexcept;
  // A named mapping that processes share, as a file that is memory only: "/name", as shm_open wants it, at most 255
  // bytes. One that is made is empty, for its user alone, and has memory by resize(bytes, Space::kReserved), which is
  // ENOSPC where writing would be SIGBUS. It stays until remove_shared_memory, or the system's end. See
  // ProcessSemaphore for whose turn it is.
  int open_shared_memory(const char* name, FileAccess access, Mapping mapping = Mapping::kWhole) noexcept;
  static int remove_shared_memory(const char* name) noexcept;
  // Written pages find their way to the disk nevertheless; flush first to be sure of it.
  void close() noexcept;
  bool is_open() const noexcept { return file_ >= 0; }

  int map() noexcept;
  void unmap() noexcept;

  // The size of the file when it was last looked at: by open, resize, refresh and write.
  std::uint64_t size() const noexcept { return size_; }
  // The mapped file; empty where nothing is mapped, or nothing is writable.
  std::span<const std::byte> bytes() const noexcept { return view_; }
  std::span<std::byte> writable() const noexcept { return is_writable() ? view_ : std::span<std::byte>(); }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(view_.data()), view_.size()};
  }

  // The mapped bytes behind a header as records of fixed size. None, and all is trailing, if they would not
  // be aligned or the header isn't there.
  template <typename T>
  requires std::is_trivially_copyable_v<T> FileRecords<const T> records(std::size_t header = 0)
  const noexcept { return records_of<const T>(view_, header); }
  template <typename T>
  requires std::is_trivially_copyable_v<T> FileRecords<T> writable_records(std::size_t header = 0)
  noexcept { return records_of<T>(writable(), header); }

  // A part of the file, cut at its end; empty behind it. O(1).
  int window(std::uint64_t offset, std::size_t length, FileWindow& into) const noexcept;

  // The whole file in windows of `length` bytes, each beginning
  // with the last `overlap` bytes of the one before.
  FileWindows windows(std::size_t length, std::size_t overlap = 0) const noexcept;

  // Copies, without mapping: up to how many bytes the file has there; all, and the file grows. Writing
  // leaves the mapping as large as it was; what it shows changes with the file, unless it is copy-on-write.
  FileResult<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const noexcept;
  int write(std::uint64_t offset, std::span<const std::byte> from) noexcept;

  // Where the needle is first found at or behind `from`, or kNotFound. Looks at the mapping, or at one
  // window after another where there is none. An empty needle is found where the search begins.
  FileResult<std::uint64_t> find(std::span<const std::byte> needle, std::uint64_t from = 0) const noexcept;
  FileResult<std::uint64_t> find(std::string_view needle, std::uint64_t from = 0) const noexcept {
    return find(std::as_bytes(std::span(needle)), from);
  }

  // Cuts or extends the file, and the mapping with it. If that fails the file may have its new size, and
  // what is mapped is what was. EBADF where the file isn't writable, EROFS if it is mapped copy-on-write.
  int resize(std::uint64_t bytes, Space space = Space::kSparse) noexcept;

  // After others have changed the file's size: takes over the new size, and shrinks or grows what is mapped.
  int refresh() noexcept;

  int flush(Flush how = Flush::kWait) noexcept;

  // Keeps others out who lock the same bytes, by another open() of the file in this process or any; who does not lock
  // is not kept out. EAGAIN with Wait::kNo where it is held; EBADF for an exclusive lock of a file that is not open for
  // writing. The lock is the open file's (F_OFD_SETLK): a copy in a fork's child shares it, and it ends with unlock or
  // when the last of them is closed. A wait for each other is not noticed. `length` bytes from `offset` on, which need
  // not be there.
  int lock(FileLock how, Wait wait = Wait::kYes, std::uint64_t offset = 0,
           std::uint64_t length = kToTheEnd) noexcept;
  int unlock(std::uint64_t offset = 0, std::uint64_t length = kToTheEnd) noexcept;

  // Keeps what is mapped in memory until unlock_memory or unmap, and reads it in. ENOMEM or EPERM beyond RLIMIT_MEMLOCK.
  int lock_memory() noexcept;
  int unlock_memory() noexcept;

  // Reads in what is mapped, so that the first touches wait for no disk; writable pages are made for writing. O(bytes).
  int prefault() noexcept;

  // What will be done with the mapped bytes from an offset on. Hints: nothing but speed depends on them,
  // with one exception: kDontNeed drops what was written copy-on-write.
  int advise(Advice advice, std::uint64_t offset = 0, std::uint64_t length = kToTheEnd) noexcept;

 private:
  template <typename T, typename Byte>
  static FileRecords<T> records_of(std::span<Byte> bytes, std::size_t header) noexcept {
    if (header > bytes.size() || header % alignof(T) != 0 || bytes.empty()) {
      return {{}, bytes.size()};
    }
    const std::size_t behind = bytes.size() - header;
    return {{reinterpret_cast<T*>(bytes.data() + header), behind / sizeof(T)}, behind % sizeof(T)};
  }

  bool is_writable() const noexcept {
    return access_ != FileAccess::kRead && access_ != FileAccess::kReadExecute;
  }
  int adopt(int file, FileAccess access, Mapping mapping) noexcept;
  int fit_view() noexcept;

  int file_ = -1;
  FileAccess access_ = FileAccess::kRead;
  bool prefaulted_ = false;
  bool mapped_ = false;  // also when the file is empty, and view_ with it
  std::uint64_t size_ = 0;
  std::span<std::byte> view_;
};

// One window after another; the one before is gone then. Ends early at an error, and where the file has
// become shorter.
//
//   auto windows = file.windows(64 << 20, overlap);
//   while (windows.next()) use(windows.window().offset(), windows.window().bytes());
//   if (windows.error() != 0) ...
//
// or `for (const FileWindow& window : file.windows(64 << 20))`.
class FileWindows {
 public:
  class Iterator {
   public:
    explicit Iterator(FileWindows* windows) noexcept : windows_(windows) {}
    const FileWindow& operator*() const noexcept { return windows_->window(); }
    Iterator& operator++() noexcept {
      more_ = windows_->next();
      return *this;
    }
    bool operator!=(std::nullptr_t) const noexcept { return more_; }

   private:
    FileWindows* windows_;
    bool more_ = windows_->next();
  };

  // `overlap` is less than `length`; of one that isn't the rest of the division is taken.
  FileWindows(const MappedFile& file, std::size_t length, std::size_t overlap) noexcept
      : file_(file), length_(length == 0 ? 1 : length), overlap_(overlap % length_) {}

  bool next() noexcept;
  const FileWindow& window() const noexcept { return window_; }
  int error() const noexcept { return error_; }

  Iterator begin() noexcept { return Iterator(this); }
  static std::nullptr_t end() noexcept { return nullptr; }

 private:
  const MappedFile& file_;
  std::size_t length_;
  std::size_t overlap_;
  std::uint64_t next_ = 0;
  bool done_ = false;
  int error_ = 0;
  FileWindow window_;
};

}  // namespace weir
