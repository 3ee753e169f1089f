#include "shim/life/start_tool.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string_view>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"

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
  return entry.starts_with("LD_PRELOAD=") || entry.starts_with("WEIR_OPTIONS=") ||
         entry.starts_with("WEIR_ROUTES=") || entry.starts_with("WEIR_ROOT_PID=") ||
         entry.starts_with("MALLOC_CONF=");
}

constexpr std::size_t kStack = std::size_t{64} << 10;
constexpr std::size_t kVariables = std::size_t{16} << 10;

// The memory of one start: taken from the last one that is over, so that starts do not add up.
struct Room {
  char stacks[2 * kStack];
  const char* environment[kVariables];
};
constinit std::atomic<Room*> spare_room{nullptr};

struct ToolStart {
  const char* arguments[5];
  const char** environment;
  int file;    // the descriptor that the tool gets
  int errors;  // error_fd()
  char* stack;
};

// The tool to be, sharing our memory until it executes. Nothing here may return an error to its parent but an
// exit status.
int run_tool(void* start) noexcept {
  auto* s = static_cast<ToolStart*>(start);
  std::uint64_t no_signals = 0;
  // The program may have closed its standard streams, or given number 2 to something of its own.
  const int nobody = sys::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) {
    if (sys::call(SYS_fcntl, fd, F_GETFD) < 0) sys::call(SYS_dup2, nobody, fd);
  }
  const int errors = s->errors >= 0 ? s->errors : nobody;
  if (errors != 2) sys::call(SYS_dup2, errors, 2);
  sys::call(SYS_fcntl, 2, F_SETFD, 0);
  sys::call(SYS_fcntl, s->file, F_SETFD, 0);
  sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::as_word(&no_signals), 0, 8);
  sys::call(SYS_execve, sys::as_word(tool_path), sys::as_word(s->arguments), sys::as_word(s->environment));
  sys::call(SYS_exit, 127);
  return 127;
}

int wait_for(long child) noexcept {
  int status = 0;
  long got;
  do {
    got = sys::call(SYS_wait4, child, sys::as_word(&status), __WALL, 0);
  } while (got == -EINTR);
  return got == child && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

// Between us and the tool. Executing a program gives it SIGCHLD as exit signal, and the program that ends may
// have a handler for that, or wait for any child: this process executes nothing, so neither sees it.
int run_tool_and_wait(void* start) noexcept {
  auto* s = static_cast<ToolStart*>(start);
  const int child = ::clone(run_tool, s->stack, CLONE_VM | CLONE_VFORK, start);
  sys::call(SYS_exit, child < 0 ? 127 : wait_for(child));
  return 127;
}

// The program's environment as it is now, less what would put weir under weir.
void copy_environment(const char** to) noexcept {
  std::size_t n = 0;
  for (char** from = environ; from != nullptr && *from != nullptr && n + 1 < kVariables; ++from) {
    if (!stays_out(*from)) to[n++] = *from;
  }
  to[n] = nullptr;
}

}  // namespace

void find_tool() noexcept {
  static constinit bool looked = false;
  if (looked) return;
  looked = true;
  if (options.tool[0] != '\0') {
    if (try_tool(options.tool, "")) return;
    Line()
        .text("weir: option 'tool': cannot execute ")
        .text(options.tool)
        .text("; looking beside the library")
        .say();
  }
  Dl_info info;
  if (dladdr(&weir_address_in_this_library, &info) != 0 && info.dli_fname != nullptr) {
    const std::string_view path(info.dli_fname);
    const std::string_view directory = path.substr(0, path.rfind('/') + 1);
    if (try_tool(directory, "../tools/weir") || try_tool(directory, WEIR_TOOL_FROM_LIBRARY)) return;
  }
  if (!try_tool(WEIR_INSTALLED_TOOL, "")) tool_path[0] = '\0';
}

bool has_tool() noexcept {
  return tool_path[0] != '\0';
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

int start_tool(const char* command, int fd) noexcept {
  if (!has_tool()) return -1;
  Room* room = spare_room.exchange(nullptr, std::memory_order_acquire);
  if (room == nullptr) room = static_cast<Room*>(table_zone.map(sizeof(Room)));
  if (room == nullptr) return -1;
  char number[16];
  number_to(number, fd);
  copy_environment(room->environment);
  ToolStart start{{tool_path, command, "--fd", number, nullptr},
                  room->environment,
                  fd,
                  error_fd(),
                  room->stacks + kStack};
  // All signals are blocked until the tool unblocks its own: handlers of the program must not run in a child.
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::as_word(&all), sys::as_word(&before), 8);
  const int child = ::clone(run_tool_and_wait, room->stacks + 2 * kStack, CLONE_VM, &start);
  const int status = child < 0 ? 127 : wait_for(child);
  sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::as_word(&before), 0, 8);
  spare_room.store(room, std::memory_order_release);
  return status == 127 ? -1 : status;
}

}  // namespace weir
