#include "shim/route/file_buffer.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <time.h>

#include <cstring>

#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"

namespace weir {
namespace {

struct MappedBuffer {
  char* start;
  std::uint64_t bytes;
  int fd;  // holds the lock
};
constinit MappedBuffer buffers[kMostRules]{};
constinit unsigned buffer_count = 0;
constinit std::uint32_t* copied = nullptr;  // in a page that parent and child share

bool failed(long result) noexcept {
  return result < 0 && result > -4096;
}

void* map_anonymous(void* at, std::uint64_t bytes, int flags) noexcept {
  const long got = sys::call(SYS_mmap, sys::as_word(at), static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                             MAP_ANONYMOUS | flags, -1, 0);
  return failed(got) ? nullptr : reinterpret_cast<void*>(got);
}

bool say_why(const ArenaRoute& route, const char* what, long error) noexcept {
  Line()
      .text("weir: WEIR_ROUTES: file=")
      .text(route.file)
      .text(": ")
      .text(what)
      .text(" failed with error ")
      .signed_number(-error)
      .text("; the buffer stays in memory")
      .say();
  return false;
}

}  // namespace

bool map_file(const ArenaRoute& route, char* start, std::uint64_t bytes) noexcept {
  const int low = sys::open(route.file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (low < 0) return say_why(route, "open", low);
  // Out of the way of a program that counts on the lowest numbers.
  constexpr long kHigh = 512;
  const long high = sys::call(SYS_fcntl, low, F_DUPFD_CLOEXEC, kHigh);
  const int fd = high >= 0 ? static_cast<int>(high) : low;
  if (fd != low) sys::close(low);
  const long size = sys::call(SYS_lseek, fd, 0, 2 /* SEEK_END */);
  long result = sys::call(SYS_flock, fd, 2 | 4 /* LOCK_EX | LOCK_NB */);
  const char* what = "flock (another process has it)";
  if (!failed(result) && size != 0 && size != static_cast<long>(bytes)) {
    result = -17;  // EEXIST
    what = "taking a file that is not empty and has another size";
  }
  // Reserved on the disk first: a full disk under a mapping is a SIGBUS.
  if (!failed(result)) {
    what = "fallocate";
    result = sys::call(SYS_fallocate, fd, 0, 0, static_cast<long>(bytes));
  }
  if (!failed(result)) {
    what = "mmap";
    result = sys::call(SYS_mmap, sys::as_word(start), static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_FIXED, fd, 0);
  }
  if (failed(result)) {
    sys::close(fd);
    return say_why(route, what, result);
  }
  buffers[buffer_count++] = {start, bytes, fd};
  if (copied == nullptr) copied = static_cast<std::uint32_t*>(map_anonymous(nullptr, 4096, MAP_SHARED));
  return true;
}

void before_fork_of_files() noexcept {
  if (copied != nullptr) __atomic_store_n(copied, 0, __ATOMIC_SEQ_CST);
}

// Two seconds at most: where the fork failed there is no child to wait for.
void wait_for_child_of_files() noexcept {
  if (copied == nullptr) return;
  const timespec most{2, 0};
  const std::uint64_t deadline = sys::now_ns() + 2'000'000'000u;
  while (__atomic_load_n(copied, __ATOMIC_SEQ_CST) == 0 && sys::now_ns() < deadline) {
    sys::call(SYS_futex, sys::as_word(copied), FUTEX_WAIT, 0, sys::as_word(&most));
  }
}

void leave_files_to_parent() noexcept {
  for (unsigned i = 0; i < buffer_count; ++i) {
    const MappedBuffer& b = buffers[i];
    sys::close(b.fd);
    void* copy = map_anonymous(nullptr, b.bytes, MAP_PRIVATE);
    if (copy == nullptr) {
      Line().text("weir: no memory for a child's copy of a buffer in a file").say();
      sys::exit_group(1);
    }
    std::memcpy(copy, b.start, b.bytes);
    sys::call(SYS_mremap, sys::as_word(copy), static_cast<long>(b.bytes), static_cast<long>(b.bytes),
              MREMAP_MAYMOVE | MREMAP_FIXED, sys::as_word(b.start));
  }
  buffer_count = 0;
  if (copied == nullptr) return;
  __atomic_store_n(copied, 1, __ATOMIC_SEQ_CST);
  sys::call(SYS_futex, sys::as_word(copied), FUTEX_WAKE, 1);
  copied = nullptr;
}

}  // namespace weir
