#include "tests/oracle/reference.hpp"

#include <dlfcn.h>
#include <setjmp.h>
#include <signal.h>

#include <atomic>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

namespace weir::reference {
namespace {

struct Functions {
  int (*backtrace)(void**, int);
  int (*get_context)(unw_context_t*);
  int (*init_local)(unw_cursor_t*, unw_context_t*);
  int (*step)(unw_cursor_t*);
  int (*get_reg)(unw_cursor_t*, int, unw_word_t*);
  int (*is_signal_frame)(unw_cursor_t*);
  int (*get_proc_info_by_ip)(unw_addr_space_t, unw_word_t, unw_proc_info_t*, void*);
};

constinit Functions unw{};
constinit unw_addr_space_t local_space = nullptr;

template <typename F>
bool bind(void* library, const char* name, F& function) noexcept {
  function = reinterpret_cast<F>(dlsym(library, name));
  return function != nullptr;
}

__thread sigjmp_buf* way_back __attribute__((tls_model("initial-exec"))) = nullptr;

void on_fault(int number, siginfo_t* /*info*/, void* /*context*/) noexcept {
  if (way_back != nullptr) siglongjmp(*way_back, 1);
  signal(number, SIG_DFL);  // the program's own: it happens again
}

void catch_faults() noexcept {
  struct sigaction action {};
  if (sigaction(SIGSEGV, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace

bool load() noexcept {
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
  unw_addr_space_t* space = nullptr;  // the local one, which cursors use
  const bool bound = library != nullptr && bind(library, "unw_backtrace", unw.backtrace) &&
                     bind(library, "_Ux86_64_getcontext", unw.get_context) &&
                     bind(library, "_ULx86_64_init_local", unw.init_local) &&
                     bind(library, "_ULx86_64_step", unw.step) &&
                     bind(library, "_ULx86_64_get_reg", unw.get_reg) &&
                     bind(library, "_ULx86_64_is_signal_frame", unw.is_signal_frame) &&
                     bind(library, "_ULx86_64_get_proc_info_by_ip", unw.get_proc_info_by_ip) &&
                     bind(library, "_ULx86_64_set_caching_policy", set_caching_policy) &&
                     bind(library, "_ULx86_64_local_addr_space", space);
  if (!bound) return false;
  // The first call initialises libunwind under a lock, and binding what it calls allocates: no stack may be
  // asked for before.
  catch_faults();
  local_space = *space;
  set_caching_policy(local_space, UNW_CACHE_NONE);
  return true;
}

unsigned backtrace(void** to, unsigned room) noexcept {
  sigjmp_buf* const before = way_back;
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) return way_back = before, 0;
  way_back = &here;
  const int n = unw.backtrace(to, static_cast<int>(room));
  way_back = before;
  return n > 0 ? static_cast<unsigned>(n) : 0;
}

unsigned walk_by_cursor(void** to, bool* exact, unsigned room, bool& faulted) noexcept {
  unw_context_t context;
  unw_cursor_t cursor;
  unw.get_context(&context);
  faulted = false;
  if (unw.init_local(&cursor, &context) != 0) return 0;
  sigjmp_buf* const before = way_back;
  sigjmp_buf here;
  volatile unsigned n = 0;
  if (sigsetjmp(here, 0) != 0) {
    faulted = true;
    way_back = before;
    return n;
  }
  way_back = &here;
  bool interrupted = false;
  while (n != room) {
    unw_word_t ip = 0;
    if (unw.get_reg(&cursor, UNW_REG_IP, &ip) != 0 || ip == 0) break;
    to[n] = reinterpret_cast<void*>(ip);
    exact[n] = interrupted;
    n = n + 1;
    if (unw.step(&cursor) <= 0) break;
    interrupted = unw.is_signal_frame(&cursor) > 0;  // tells of the frame that the last step left
  }
  way_back = before;
  return n;
}

bool has_tables(std::uint64_t address) noexcept {
  constexpr unsigned kAsked = 4096;
  static constinit std::atomic<std::uint64_t> without[kAsked] = {};
  std::atomic<std::uint64_t>& entry = without[address * 0x9e3779b97f4a7c15u >> 52];
  if (entry.load(std::memory_order_relaxed) == address) return false;
  unw_proc_info_t info;
  if (unw.get_proc_info_by_ip(local_space, address, &info, nullptr) == 0) return true;
  entry.store(address, std::memory_order_relaxed);
  return false;
}

bool begins_function(std::uint64_t address) noexcept {
  unw_proc_info_t info;
  return unw.get_proc_info_by_ip(local_space, address, &info, nullptr) == 0 && info.start_ip == address;
}

}  // namespace weir::reference
