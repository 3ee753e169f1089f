#include "shim/leak/reporter.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/unwind/modules.hpp"

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

// A new memory file with the findings; the descriptor, or -errno.
int make_file(const Findings& findings) noexcept {
  const auto fd = static_cast<int>(sys::call(SYS_memfd_create, sys::as_word("weir-findings"), 0));
  if (fd < 0) return fd;
  sys::write_all(fd, findings.header, findings.header->file_bytes);
  // Not one of the numbers that the tool takes for its standard streams: the program may have closed those.
  constexpr long kLowest = 3;
  const auto high = static_cast<int>(sys::call(SYS_fcntl, fd, F_DUPFD, kLowest));
  sys::close(fd);
  return high;
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
         entry.starts_with("WEIR_ROOT_PID=") || entry.starts_with("MALLOC_CONF=");
}

struct ToolStart {
  const char* arguments[5];
  const char** environment;
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
const char** tool_environment() noexcept {
  std::size_t count = 0;
  while (environ != nullptr && environ[count] != nullptr) ++count;
  auto** copy = static_cast<const char**>(table_zone.map((count + 1) * sizeof(char*)));
  if (copy == nullptr) return nullptr;
  std::size_t n = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!stays_out(environ[i])) copy[n++] = environ[i];
  }
  copy[n] = nullptr;
  return copy;
}

// The tool's exit status; -1 when it could not be started.
int start_tool(int findings_fd) noexcept {
  char number[16];
  number_to(number, findings_fd);
  constexpr std::size_t kStack = std::size_t{64} << 10;
  char* stacks = static_cast<char*>(table_zone.map(2 * kStack));
  ToolStart start{
      {tool_path, "leak-report", "--fd", number, nullptr}, tool_environment(), error_fd(), stacks + kStack};
  if (stacks == nullptr || start.environment == nullptr) return -1;
  // All signals are blocked until the tool unblocks its own: handlers of the program must not run in a child.
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::as_word(&all), sys::as_word(&before), 8);
  const int child = ::clone(run_tool_and_wait, stacks + 2 * kStack, CLONE_VM, &start);
  const int status = child < 0 ? 127 : wait_for(child);
  sys::call(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::as_word(&before), 0, 8);
  return status == 127 ? -1 : status;
}

// Option log_path as a descriptor: stderr, stdout, or a file with %p and %e replaced, appended to.
int open_log() noexcept {
  const std::string_view path(options.log_path);
  if (path == "stderr") return error_fd();
  if (path == "stdout") return 1;
  char name[kPathRoom];
  std::size_t n = 0;
  const auto put = [&](std::string_view s) {
    for (const char c : s) {
      if (n + 1 < sizeof name) name[n++] = c;
    }
  };
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%' || i + 1 == path.size()) {
      put(path.substr(i, 1));
    } else if (path[++i] == 'p') {
      put(Line().number(static_cast<std::uint64_t>(sys::getpid())).view());
    } else if (path[i] == 'e') {
      put(program_invocation_short_name);
    } else {
      put(path.substr(i - 1, 2));
    }
  }
  name[n] = '\0';
  const int fd = sys::open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) Line().text("weir: cannot open log_path ").text(name).text("; the report goes to stderr").say();
  return fd >= 0 ? fd : error_fd();
}

void print_frame(int fd, unsigned number, FrameToken token) noexcept {
  const std::uint64_t address = token & kFrameAddressMask;
  const auto module = static_cast<unsigned>(token >> kFrameModuleShift);
  Line line;
  line.text("    #").number(number).text(" ").hex(address);
  if (module != 0) {
    const Module& m = modules[module];
    const std::string_view path = m.path_bytes != 0 ? std::string_view(m.path, m.path_bytes) : "main program";
    line.text(" (").text(path).text("+").hex(address - m.bias).text(")");
  }
  line.say_to(fd);
}

// What can be said without names: in a sandbox, or without the tool.
bool print_bare(const Findings& f) noexcept {
  const FindingsHeader& h = *f.header;
  const std::uint64_t bytes = h.totals[0].bytes + h.totals[1].bytes;
  const std::uint64_t blocks = h.totals[0].blocks + h.totals[1].blocks;
  if (blocks == 0) return false;
  auto* order = static_cast<const FindingsGroup**>(table_zone.map((h.groups.count + 1) * sizeof(void*)));
  if (order == nullptr) return true;
  for (std::uint64_t i = 0; i < h.groups.count; ++i) order[i] = &f.groups[i];
  std::sort(order, order + h.groups.count, [](const FindingsGroup* a, const FindingsGroup* b) {
    return a->kind != b->kind ? a->kind < b->kind : a->bytes > b->bytes;
  });
  const int fd = open_log();
  Line line;
  line.text("==").number(h.pid).text("==ERROR: weir: detected memory leaks").say_to(fd);
  line.text("(no tool was found or could be started, so without names: option tool=PATH)").say_to(fd);
  const std::uint64_t most = options.max_leaks != 0 ? options.max_leaks : 100;
  for (std::uint64_t i = 0; i < h.groups.count && i < most; ++i) {
    const FindingsGroup& g = *order[i];
    if (g.kind == LeakKind::kReachable) break;
    line.say_to(fd);
    line.text(g.kind == LeakKind::kDirect ? "Direct" : "Indirect").text(" leak of ").number(g.bytes);
    line.text(" byte(s) in ").number(g.blocks).text(" object(s) allocated from:").say_to(fd);
    for (unsigned n = 0; n < g.frame_count; ++n) print_frame(fd, n, f.frames[g.first_frame + n]);
  }
  line.text("SUMMARY: weir: ")
      .number(bytes)
      .text(" byte(s) leaked in ")
      .number(blocks)
      .text(" allocation(s).");
  line.say_to(fd);
  return true;
}

}  // namespace

void prepare_reporter() noexcept {
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

bool report_and_wait(const Findings& findings) noexcept {
  if (findings.header == nullptr) {
    Line().text("weir: no memory left for the leak report").say();
    return false;
  }
  const int fd = tool_path[0] != '\0' ? make_file(findings) : -1;
  if (fd >= 0) {
    const int status = start_tool(fd);
    sys::close(fd);
    if (status == kReportNothing || status == kReportLeaks) return status == kReportLeaks;
  }
  return print_bare(findings);
}

}  // namespace weir
