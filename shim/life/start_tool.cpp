#include "shim/life/start_tool.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

#include "shim/base/options.hpp"
#include "shim/base/readable.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/life/own_children.hpp"

extern "C" int weir_address_in_this_library;
__attribute__((visibility("hidden"))) int weir_address_in_this_library = 0;

namespace weir {
namespace {

constexpr std::size_t kPathRoom = 4096;
char tool_path[kPathRoom];

bool is_executable(const char* path) noexcept {
  return sys::call(SYS_faccessat, AT_FDCWD, sys::as_word(path), X_OK) == 0;
}

// directory + name into tool_path, from the root on: the program may be elsewhere when it ends. True when it
// can be executed.
bool try_tool(std::string_view directory, std::string_view name) noexcept {
  std::size_t at = 0;
  if (!directory.starts_with('/')) {
    const long here = sys::call(SYS_getcwd, sys::as_word(tool_path), sizeof tool_path);  // counts the NUL
    if (here > 0) {
      at = static_cast<std::size_t>(here);
      tool_path[at - 1] = '/';
    }
  }
  if (at + directory.size() + name.size() + 1 > sizeof tool_path) return false;
  at += directory.copy(tool_path + at, directory.size());
  at += name.copy(tool_path + at, name.size());
  tool_path[at] = '\0';
  return is_executable(tool_path);
}

void number_to(char* to, int n) noexcept {
  char digits[12];
  int d = 0;
  do {
    digits[d++] = static_cast<char>('0' + n % 10);
    n /= 10;
  } while (n != 0);
  while (d != 0) *to++ = digits[--d];
  *to = '\0';
}

bool stays_out(std::string_view entry) noexcept {
  constexpr std::string_view kOwn[] = {
      "LD_PRELOAD=", "WEIR_OPTIONS=", "WEIR_ROUTES=", "WEIR_ROOT_PID=", "MALLOC_CONF="};
  for (const std::string_view own : kOwn) {
    if (entry.size() >= own.size() && std::memcmp(entry.data(), own.data(), own.size()) == 0) return true;
  }
  return false;
}

struct FileIdentity {
  std::uint64_t device = 0, inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

FileIdentity root_directory() noexcept {
  struct stat s {};
  if (sys::call(SYS_newfstatat, AT_FDCWD, sys::as_word("/"), sys::as_word(&s), 0) != 0) return {};
  return {s.st_dev, s.st_ino};
}

constinit FileIdentity root_at_start;

constexpr std::size_t kStack = std::size_t{64} << 10;
constexpr std::size_t kVariables = std::size_t{16} << 10;
constexpr int kNotStarted = 127;

// The memory of one start: taken from the last one that is over, so that starts do not add up.
struct Room {
  char stacks[2 * kStack];
  const char* environment[kVariables];
};
constinit std::atomic<Room*> spare_room{nullptr};

struct ToolStart {
  const char* command;
  const char** environment;
  char* stack;        // of the tool to be
  const char* input;  // nullptr: `file` is there already
  std::uint64_t bytes;
  int file;    // the descriptor that the tool gets
  int errors;  // error_fd()
  int status;  // what came of it, also where somebody else has waited for the process
};

// Runs start(of) as a process of its own that shares our memory and has its own copy of all else. CLONE_VFORK and an
// exit signal come by `flags`. The kernel writes the pid to `pid`, when that is given, before the process runs.
extern "C" __attribute__((visibility("hidden"))) long weir_start_process(unsigned long flags, void* stack_end,
                                                                         void (*start)(void*) noexcept,
                                                                         void* of, pid_t* pid) noexcept;
asm(R"(
  .pushsection .text
  .hidden weir_start_process
  .globl weir_start_process
  .type weir_start_process, @function
weir_start_process:
  .cfi_startproc
  leaq -16(%rsi), %rsi
  movq %rdx, (%rsi)
  movq %rcx, 8(%rsi)
  movq %r8, %rdx
  xorl %r10d, %r10d
  xorl %r8d, %r8d
  movl $56, %eax
  syscall
  testq %rax, %rax
  jz 1f
  ret
1:
  .cfi_undefined %rip
  xorl %ebp, %ebp
  popq %rax
  popq %rdi
  callq *%rax
  hlt
  .cfi_endproc
  .size weir_start_process, . - weir_start_process
  .popsection
)");

long start_process(unsigned long flags, char* stack_end, void (*start)(void*) noexcept, void* of,
                   pid_t* pid) noexcept {
  if (pid != nullptr) flags |= CLONE_PARENT_SETTID;
  return weir_start_process(flags | CLONE_VM, stack_end, start, of, pid);
}

// What the program was limited to is not meant for the tool, as far as it may be lifted. 0 is RLIMIT_CPU, which stays.
void lift_limits() noexcept {
  constexpr int kLifted[] = {RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_NOFILE, RLIMIT_AS};
  constexpr rlim_t kEnough[] = {RLIM_INFINITY, RLIM_INFINITY, rlim_t{8} << 20, 1024, RLIM_INFINITY};
  for (unsigned i = 0; i < std::size(kLifted); ++i) {
    struct rlimit now {};
    if (sys::call(SYS_prlimit64, 0, kLifted[i], 0, sys::as_word(&now)) != 0) continue;
    if (now.rlim_cur >= kEnough[i]) continue;
    const struct rlimit wanted = {kEnough[i], now.rlim_max > kEnough[i] ? now.rlim_max : kEnough[i]};
    if (sys::call(SYS_prlimit64, 0, kLifted[i], sys::as_word(&wanted), 0) == 0) continue;
    now.rlim_cur = now.rlim_max < kEnough[i] ? now.rlim_max : kEnough[i];
    sys::call(SYS_prlimit64, 0, kLifted[i], sys::as_word(&now), 0);
  }
}

// Where the program has used all descriptors up: the copies of its own that this process has are not needed.
void free_descriptors(const ToolStart& s) noexcept {
  unsigned low = s.errors > 2 ? static_cast<unsigned>(s.errors) : 2;
  unsigned high = s.file > 2 ? static_cast<unsigned>(s.file) : 2;
  if (low > high) std::swap(low, high);
  sys::close_between(3, low - 1);
  sys::close_between(low + 1, high - 1);
  sys::close_between(high + 1, ~0u);
}

// The program may have closed its standard streams, or given number 2 to something of its own. 0 to 2 are in use then.
void arrange_streams(ToolStart& s) noexcept {
  int nobody = sys::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (nobody == -EMFILE) {
    free_descriptors(s);
    nobody = sys::open("/dev/null", O_RDWR | O_CLOEXEC);
  }
  for (int fd = 0; fd < 3; ++fd) {
    if (sys::call(SYS_fcntl, fd, F_GETFD) < 0) sys::call(SYS_dup2, nobody, fd);
  }
  const int errors = s.errors >= 0 ? s.errors : nobody;
  if (errors != 2) sys::call(SYS_dup2, errors, 2);
  sys::call(SYS_fcntl, 2, F_SETFD, 0);
}

// The tool to be, sharing our memory until it executes. Nothing here may return an error to its parent but an
// exit status.
void run_tool(void* of) noexcept {
  const auto& s = *static_cast<ToolStart*>(of);
  char number[16];
  number_to(number, s.file);
  const char* const arguments[] = {tool_path, s.command, "--fd", number, nullptr};
  sys::call(SYS_fcntl, s.file, F_SETFD, 0);
  const std::uint64_t no_signals = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&no_signals), 0, sizeof no_signals);
  sys::call(SYS_execve, sys::as_word(tool_path), sys::as_word(arguments), sys::as_word(s.environment));
  sys::exit_group(kNotStarted);
}

// -1: it did not exit.
int wait_for(long child) noexcept {
  int status = 0;
  long got;
  do {
    got = sys::call(SYS_wait4, child, sys::as_word(&status), __WALL, 0);
  } while (got == -EINTR);
  return got == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Between us and the tool. Executing a program gives it SIGCHLD as exit signal, and the program that ends may
// have a handler for that, ignore it, or wait for any child: this process executes nothing, so none of that meets the
// tool. It hands the findings over by a pipe, which no limit on files and no filter of new calls forbids.
void run_tool_and_wait(void* of) noexcept {
  auto& s = *static_cast<ToolStart*>(of);
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    std::uint64_t mask;
  } by_default{};
  sys::call(SYS_rt_sigaction, SIGCHLD, sys::as_word(&by_default), 0, sizeof by_default.mask);
  lift_limits();
  arrange_streams(s);
  int ends[2] = {-1, -1};
  if (s.input != nullptr) {
    long made = sys::call(SYS_pipe2, sys::as_word(ends), O_CLOEXEC);
    if (made == -EMFILE) {
      free_descriptors(s);
      made = sys::call(SYS_pipe2, sys::as_word(ends), O_CLOEXEC);
    }
    if (made != 0) sys::exit_group(kNotStarted);
    s.file = ends[0];
  }
  const bool may = !sys::is_forbidden(SYS_clone, CLONE_VM | CLONE_VFORK);
  const long child = may ? start_process(CLONE_VFORK, s.stack, run_tool, &s, nullptr) : -1;
  if (s.input != nullptr) sys::close(ends[0]);
  if (child > 0 && s.input != nullptr) sys::write_all(ends[1], s.input, s.bytes);
  if (s.input != nullptr) sys::close(ends[1]);
  const int status = child > 0 ? wait_for(child) : -1;
  s.status = status >= 0 ? status : kNotStarted;
  sys::exit_group(s.status);
}

// Whether all of the string can be read: a variable may have lain in memory that is no longer there.
bool is_readable_text(const char* text) noexcept {
  constexpr std::uint64_t kPage = 4096;
  auto at = reinterpret_cast<std::uint64_t>(text);
  for (;;) {
    if (!is_readable(at)) return false;
    const std::uint64_t end = (at | (kPage - 1)) + 1;
    const void* const p = reinterpret_cast<const void*>(at);
    if (std::memchr(p, '\0', end - at) != nullptr) return true;
    at = end;
  }
}

// The program's environment as it is now, less what would put weir under weir.
void copy_environment(const char** to) noexcept {
  std::size_t n = 0;
  for (char** from = __environ; from != nullptr && n + 1 < kVariables; ++from) {
    if (!is_readable(reinterpret_cast<std::uint64_t>(from)) || *from == nullptr) break;
    if (is_readable_text(*from) && !stays_out(*from)) to[n++] = *from;
  }
  to[n] = nullptr;
}

int start(ToolStart& s) noexcept {
  if (!has_tool() || sys::is_forbidden(SYS_clone, CLONE_VM) || sys::is_forbidden(SYS_wait4)) return -1;
  Room* room = spare_room.exchange(nullptr, std::memory_order_acquire);
  if (room == nullptr) room = static_cast<Room*>(table_zone.map(sizeof(Room)));
  if (room == nullptr) return -1;
  copy_environment(room->environment);
  s.environment = room->environment;
  s.stack = room->stacks + kStack;
  s.errors = error_fd();
  s.status = kNotStarted;
  // All signals are blocked until the tool unblocks its own: handlers of the program must not run in a child.
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&all), sys::as_word(&before), sizeof all);
  pid_t* const place = own_children::place();
  const long child = start_process(0, room->stacks + 2 * kStack, run_tool_and_wait, &s, place);
  if (child > 0) {
    own_children::wait(static_cast<pid_t>(child), nullptr, 0);
  } else {
    own_children::drop(place);
  }
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&before), 0, sizeof before);
  spare_room.store(room, std::memory_order_release);
  return s.status == kNotStarted ? -1 : s.status;
}

}  // namespace

void find_tool() noexcept {
  static constinit bool looked = false;
  if (looked) return;
  looked = true;
  root_at_start = root_directory();
  if (options.tool[0] != '\0') {
    if (try_tool(options.tool, "")) return;
    Line()
        .text("weir: option 'tool': cannot execute ")
        .text(options.tool)
        .text("; looking beside the library")
        .say();
  }
  dl_find_object found;
  if (_dl_find_object(&weir_address_in_this_library, &found) == 0 && found.dlfo_link_map != nullptr) {
    const std::string_view path(found.dlfo_link_map->l_name);
    const std::string_view directory = path.substr(0, path.rfind('/') + 1);
    if (try_tool(directory, "../tools/weir") || try_tool(directory, WEIR_TOOL_FROM_LIBRARY)) return;
  }
  if (!try_tool(WEIR_INSTALLED_TOOL, "")) tool_path[0] = '\0';
}

const char* tool_obstacle() noexcept {
  if (tool_path[0] == '\0') return "no tool was found: option tool=PATH";
  // What has the tool's path in a changed root, or its loader's, is whoever's; and we may be the superuser.
  const FileIdentity root = root_directory();
  if (root == FileIdentity() || root != root_at_start)
    return "no tool can be started in a changed root directory";
  return nullptr;
}

int make_memory_file(const char* name) noexcept {
  constexpr long kCloseOnExec = 1;  // MFD_CLOEXEC
  const auto fd = static_cast<int>(sys::call(SYS_memfd_create, sys::as_word(name), kCloseOnExec));
  if (fd < 0) return fd;
  // Not one of the numbers that the tool takes for its standard streams: the program may have closed those.
  constexpr long kLowest = 3;
  const auto high = static_cast<int>(sys::call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kLowest));
  sys::close(fd);
  return high;
}

int start_tool(const char* command, const void* input, std::uint64_t bytes) noexcept {
  ToolStart s{};
  s.command = command;
  s.input = static_cast<const char*>(input);
  s.bytes = bytes;
  s.file = -1;
  return start(s);
}

int start_tool(const char* command, int fd) noexcept {
  ToolStart s{};
  s.command = command;
  s.file = fd;
  return start(s);
}

}  // namespace weir
