#include "shim/watch/call_log_file.hpp"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "core/pages.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/watch/call_log_lock.hpp"
#include "shim/watch/call_log_mapping.hpp"
#include "shim/watch/call_log_name.hpp"

#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::call_log {
namespace {

constexpr std::uint64_t kStep = std::uint64_t{256} << 10;

// Positions count over all files: the n-th file holds those from (n - 1) * file_bytes on.
// Shared with children.
struct Shared {
  std::atomic<std::uint64_t> next;  // where the next line begins
  std::atomic<std::uint64_t> room;  // positions before this may be written
  std::uint64_t file_bytes;
  std::uint64_t start_ns;
  std::uint64_t turns_to;                        // the file that rotate begins, as long as it does
  std::atomic<bool> closed;                      // who wants to write asks for the lock first
  alignas(64) std::atomic<std::uint32_t> owner;  // thread id of who adds room; 0: nobody
  pid_t maker;                // the process; its children may see other files under the path
  FileIdentity identity[2];   // of the two newest files, by the parity of their number
  std::atomic<bool> stopped;  // there is no more room
  std::atomic<bool> forked;   // children may write, too
  char path[kPathRoom];
};

constinit Shared* shared = nullptr;
constinit LogMappings mappings;
constinit const char* name_pattern = nullptr;
constinit bool to_stdout = false;
constinit bool unreachable = false;  // the path leads this child elsewhere
constinit char* blank = nullptr;     // kStep newlines

// A file must not become larger than the program is allowed to make one (RLIMIT_FSIZE). The signal that says
// so, blocked here, is none of the program's.
void take_back_size_signal() noexcept {
  constexpr std::uint64_t kMask = std::uint64_t{1} << (SIGXFSZ - 1);
  const std::uint64_t no_time[2] = {0, 0};
  sys::call(SYS_rt_sigtimedwait, sys::as_word(&kMask), 0, sys::as_word(no_time), sizeof kMask);
}

bool write_at(int fd, const char* from, std::uint64_t bytes, std::uint64_t at) noexcept {
  while (bytes != 0) {
    const long n =
        sys::call(SYS_pwrite64, fd, sys::as_word(from), static_cast<long>(bytes), static_cast<long>(at));
    if (n == -EINTR) continue;
    if (n == -EFBIG) take_back_size_signal();
    if (n <= 0) return false;
    from += n;
    at += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::uint64_t>(n);
  }
  return true;
}

// Under the lock. The file's first step of room behind `end`, with the header where it is new.
bool begin_file(int fd, std::uint64_t number, std::uint64_t end) noexcept {
  FileIdentity identity;
  if (!identify(fd, identity)) return false;
  char header[kHeaderRoom];
  write_header(header, shared->start_ns, shared->forked.load(std::memory_order_relaxed));
  if (end == kHeaderRoom && !write_at(fd, header, sizeof header, 0)) return false;
  const std::uint64_t step = round_up(end + 1, kStep);
  const std::uint64_t room = step < shared->file_bytes ? step : shared->file_bytes;
  if (!write_at(fd, blank, room - end, end)) return false;
  shared->identity[number % 2] = identity;
  shared->room.store((number - 1) * shared->file_bytes + room, std::memory_order_seq_cst);
  return true;
}

void stop(const char* why) noexcept {
  if (shared->stopped.exchange(true)) return;
  Line().text("weir: log_file ").text(shared->path).text(": ").text(why).text("; no more lines").say();
}

// The file that has begun last.
std::uint64_t newest() noexcept {
  return (shared->room.load(std::memory_order_seq_cst) - 1) / shared->file_bytes + 1;
}

// The n-th file, if that is what lies under the path; -errno, or -EEXIST for another one.
int open_known(const char* path, std::uint64_t number) noexcept {
  const int fd = sys::open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  FileIdentity found;
  if (fd < 0 || (identify(fd, found) && found == shared->identity[number % 2])) return fd;
  sys::close(fd);
  return -EEXIST;
}

// The present file by its path; negative when it cannot be opened.
// For good where another lies there, or none.
int open_again() noexcept {
  const int fd = open_known(shared->path, newest());
  const bool lasts = fd == -EEXIST || fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES || fd == -EPERM;
  if (!lasts) return fd;  // too many are open, say: this line alone is left out
  if (sys::getpid() == shared->maker) {
    stop("was moved or deleted");
  } else {
    unreachable = true;
  }
  return fd;
}

// Room in the n-th file from `room` to where the last line needs it, or to the file's end.
bool add_room(int fd, std::uint64_t number, std::uint64_t& room, std::uint64_t end) noexcept {
  const std::uint64_t first = (number - 1) * shared->file_bytes;
  while (room < end) {
    const std::uint64_t left = first + shared->file_bytes - room;
    const std::uint64_t step = left < kStep ? left : kStep;
    if (!write_at(fd, blank, step, room - first)) return false;
    room += step;
  }
  return true;
}

// The n-th file, where the one before lies under its other name.
bool begin_next(std::uint64_t number) noexcept {
  const int fd = create_file(shared->path);
  const bool begun =
      fd >= 0 && begin_file(fd, number, kHeaderRoom) && mappings.add(fd, number, shared->file_bytes);
  if (fd >= 0) sys::close(fd);
  shared->turns_to = 0;
  if (!begun) stop("cannot be written");
  return begun;
}

// The n-th file begins; those between it and the newest, which could not, never do.
bool rotate(std::uint64_t number) noexcept {
  const int was = open_again();
  if (was < 0) return false;
  // A line that comes late finds its page in the file.
  std::uint64_t room = shared->room.load(std::memory_order_relaxed);
  const std::uint64_t last = newest();
  const bool full = add_room(was, last, room, last * shared->file_bytes);
  sys::close(was);
  shared->turns_to = number;
  if (!full || !rename_to_old(shared->path)) return stop("cannot be written"), false;
  return begin_next(number);
}

bool is_there(const char* path, std::uint64_t number) noexcept {
  const int fd = open_known(path, number);
  if (fd >= 0) sys::close(fd);
  return fd >= 0;
}

// A process that was killed in rotate has left the file under its other name, and perhaps an empty one.
void end_turn() noexcept {
  const std::uint64_t number = shared->turns_to;
  if (number == 0) return;
  if (is_there(shared->path, newest())) {
    shared->turns_to = 0;
  } else if (is_there(old_path(shared->path).text, newest())) {
    sys::call(SYS_unlink, sys::as_word(shared->path));
    begin_next(number);
  }
}

// One that was killed in trim_file may have cut the file.
bool end_trim() noexcept {
  if (!shared->closed.load(std::memory_order_seq_cst)) return true;
  const int fd = open_again();
  if (fd < 0) return false;
  const std::uint64_t end = (newest() - 1) * shared->file_bytes + size_of(fd);
  sys::close(fd);
  if (end < shared->room.load(std::memory_order_seq_cst)) shared->room.store(end, std::memory_order_seq_cst);
  shared->closed.store(false, std::memory_order_seq_cst);
  return true;
}

// First of all that is done under the lock: what a killed process has left half done.
bool mend() noexcept {
  end_turn();
  return end_trim();
}

// All pages of the room at once, where the kernel can (since 5.14): a fault for each would cost a third of a
// line's time.
void populate(char* start, std::uint64_t from, std::uint64_t bytes) noexcept {
  constexpr long kPopulateWrite = 23;  // MADV_POPULATE_WRITE
  const std::uint64_t page = from / kPageSize * kPageSize;
  sys::call(SYS_madvise, sys::as_word(start + page), static_cast<long>(from + bytes - page), kPopulateWrite);
}

// Pages that are written stay the file's, but need not count as the process's memory.
// A late line finds them again.
void forget_old(char* start, std::uint64_t room) noexcept {
  constexpr std::uint64_t kKept = 4 * kStep;
  constexpr long kDontNeed = 4;  // MADV_DONTNEED: of a shared mapping nothing is lost
  if (room < kKept + kStep) return;
  const std::uint64_t from = (room - kKept - kStep) / kPageSize * kPageSize;
  sys::call(SYS_madvise, sys::as_word(start + from), kStep, kDontNeed);
}

// A line of a file that another has followed meanwhile: FILE.1 is there to be read. Older ones are not.
bool map_old(std::uint64_t number) noexcept {
  if (newest() != number + 1) return false;
  const int fd = open_known(old_path(shared->path).text, number);
  if (fd < 0) return false;
  const bool is_mapped = mappings.add(fd, number, shared->file_bytes);
  sys::close(fd);
  return is_mapped;
}

// Room in the n-th file up to `end`; without a mapping where the line is left out.
WEIR_COLD LogMappings::Entry make_room(std::uint64_t number, std::uint64_t end) noexcept {
  const CallLogLock lock(shared->owner);
  if (unreachable || shared->stopped.load(std::memory_order_relaxed) || !mend()) return {};
  const std::uint64_t file_bytes = shared->file_bytes;
  const std::uint64_t first = (number - 1) * file_bytes;
  if (shared->room.load(std::memory_order_seq_cst) <= first && !rotate(number)) return {};
  LogMappings::Entry entry(mappings, number);
  std::uint64_t room = shared->room.load(std::memory_order_seq_cst);
  if (end <= room && entry.start() != nullptr) return entry;
  if (room > first + file_bytes)
    return map_old(number) ? LogMappings::Entry(mappings, number) : LogMappings::Entry();
  const int fd = open_again();
  if (fd < 0) return {};
  const std::uint64_t before = room;
  if (entry.start() == nullptr && mappings.add(fd, number, file_bytes)) entry = {mappings, number};
  const bool ready = entry.start() != nullptr && add_room(fd, number, room, end);
  sys::close(fd);
  if (!ready) return stop("cannot be written"), LogMappings::Entry();
  if (room != before) {
    populate(entry.start(), before - first, room - before);
    forget_old(entry.start(), before - first);
    shared->room.store(room, std::memory_order_seq_cst);
  }
  return entry;
}

// The file, new or this process's own from before it executed this program; -errno.
int take_file(std::uint64_t& text_end) noexcept {
  text_end = 0;
  int fd = create_file(shared->path);
  if (fd != -EEXIST) return fd;
  fd = sys::open(shared->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return fd;
  FileIdentity identity;
  const bool regular = identify(fd, identity);
  const Writer writer = regular ? writer_of(fd) : Writer{};
  if (writer.is_this_process && !writer.forked) {
    text_end = end_of_text(fd);
    shared->start_ns = writer.start_ns;
    return fd;
  }
  sys::close(fd);
  if (!regular) return -EINVAL;
  if (writer.pid != 0 && sys::call(SYS_kill, writer.pid, 0) != -ESRCH) {  // another process is at it
    add_process_id(shared->path);
  }
  rename_to_old(shared->path);
  return create_file(shared->path);
}

bool begin() noexcept {
  const CallLogLock lock(shared->owner);
  shared->maker = sys::getpid();
  expand(name_pattern, shared->path);
  std::uint64_t text_end;
  const int fd = take_file(text_end);
  if (fd < 0) {
    Line line;
    line.text("weir: cannot open log_file ").text(shared->path);
    if (fd == -EINVAL) {
      line.text(", which is no file");
    } else {
      line.text(": error ").signed_number(-fd);
    }
    line.text("; the calls go to stderr").say();
    return false;
  }
  // A file that is full already is left to the first line, which begins another.
  std::uint64_t at = text_end > kHeaderRoom ? text_end : kHeaderRoom;
  if (at > shared->file_bytes) at = shared->file_bytes;
  const bool begun = begin_file(fd, 1, at) && mappings.add(fd, 1, shared->file_bytes);
  sys::close(fd);
  if (!begun)
    Line().text("weir: cannot write log_file ").text(shared->path).text("; the calls go to stderr").say();
  shared->next.store(at, std::memory_order_seq_cst);
  return begun;
}

// Anonymous memory, so that it is shared with children, and only with them.
Shared* make_shared() noexcept {
  const long got =
      sys::call(SYS_mmap, 0, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return got < 0 && got > -4096 ? nullptr : reinterpret_cast<Shared*>(got);
}

WEIR_COLD void append_unmapped(std::string_view line) noexcept {
  const int fd = to_stdout ? 1 : error_fd();
  if (fd >= 0) sys::write_all(fd, line.data(), line.size());
}

}  // namespace

std::uint64_t open_file(const char* pattern, std::uint64_t file_bytes) noexcept {
  const std::uint64_t now = sys::now_ns();
  const std::string_view name(pattern);
  to_stdout = name == "stdout";
  if (to_stdout || name == "stderr") return now;
  name_pattern = pattern;
  blank = static_cast<char*>(table_zone.map(kStep));
  Shared* made = blank != nullptr ? make_shared() : nullptr;
  if (made == nullptr) {
    Line().text("weir: no memory for log_file; the calls go to stderr").say();
    return now;
  }
  std::memset(blank, '\n', kStep);
  made->file_bytes = round_up(file_bytes, kStep);
  made->start_ns = now;
  shared = made;
  if (!begin()) {
    shared = nullptr;
    return now;
  }
  return shared->start_ns;
}

void go_on_file_in_child() noexcept {
  if (shared == nullptr) return;
  if (std::string_view(name_pattern).find("%p") == std::string_view::npos) {
    const std::uint64_t number = newest();
    shared->forked.store(true, std::memory_order_relaxed);
    const LogMappings::Entry entry(mappings, number);
    if (entry.start() != nullptr) entry.start()[kForkMark] = '+';
    return;
  }
  Shared* made = make_shared();
  if (made == nullptr) return;
  made->file_bytes = shared->file_bytes;
  made->start_ns = shared->start_ns;
  shared = made;
  mappings.forget(made->file_bytes);
  if (!begin()) shared->stopped = true;
}

void append(std::string_view line) noexcept {
  if (__builtin_expect(shared == nullptr, 0)) return append_unmapped(line);
  const std::uint64_t file_bytes = shared->file_bytes;
  std::uint64_t at = shared->next.load(std::memory_order_relaxed);
  std::uint64_t from;
  do {
    const std::uint64_t used = at % file_bytes;
    const std::uint64_t start = used + line.size() <= file_bytes ? at : at - used + file_bytes;
    from = start % file_bytes == 0 ? start + kHeaderRoom : start;
  } while (!shared->next.compare_exchange_weak(at, from + line.size(), std::memory_order_seq_cst));
  const std::uint64_t end = from + line.size();
  const std::uint64_t number = from / file_bytes + 1;
  LogMappings::Entry entry(mappings, number);
  if (__builtin_expect(entry.start() == nullptr || end > shared->room.load(std::memory_order_seq_cst) ||
                           shared->closed.load(std::memory_order_seq_cst),
                       0)) {
    entry = make_room(number, end);
    if (entry.start() == nullptr) return;
  }
  std::memcpy(entry.start() + from % file_bytes, line.data(), line.size());
}

void trim_file() noexcept {
  if (shared == nullptr || unreachable || shared->stopped.load(std::memory_order_relaxed)) return;
  const CallLogLock lock(shared->owner);
  if (!mend()) return;
  // First nobody finds room without asking for the lock; then what was given out before is all that counts.
  shared->closed.store(true, std::memory_order_seq_cst);
  const std::uint64_t room = shared->room.load(std::memory_order_seq_cst);
  const std::uint64_t next = shared->next.load(std::memory_order_seq_cst);
  const std::uint64_t first = (newest() - 1) * shared->file_bytes;
  if (next >= first && next < room) {  // else a line waits for more room
    const int fd = open_again();
    const bool cut = fd >= 0 && sys::call(SYS_ftruncate, fd, static_cast<long>(next - first)) == 0;
    if (fd >= 0) sys::close(fd);
    if (cut) shared->room.store(next, std::memory_order_seq_cst);
  }
  shared->closed.store(false, std::memory_order_seq_cst);
}

}  // namespace weir::call_log
