#include "shim/life/mode.hpp"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <string_view>

#include "shim/base/module_symbol.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/guard/guard_header.hpp"
#include "shim/guard/guarded_heap.hpp"
#include "shim/life/program_name.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/routes.hpp"
#include "shim/track/block_header.hpp"
#include "shim/track/freed_bytes.hpp"
#include "shim/watch/watch.hpp"

extern "C" void* __libc_stack_end;  // ld.so's: where argc lies

namespace weir {

constinit std::atomic<Mode> current_mode{Mode::kUnset};
constinit std::atomic<Mode> entry_mode{Mode::kUnset};

namespace {

constinit std::atomic<bool> starting{false};
constinit bool summary_is_of_root = false;
constinit const char* sanitizer = nullptr;

// argc, argv…, NULL, environment…, NULL, auxiliary vector: the kernel's lay-out, there from the first
// instruction on, while `__environ` is NULL until libc has initialised itself.
char** environment_block() noexcept {
  if (__environ != nullptr) return __environ;
  auto* words = static_cast<long*>(__libc_stack_end);
  return reinterpret_cast<char**>(words + 1 + words[0] + 1);
}

// Shell-like match with * only.
bool matches(std::string_view pattern, std::string_view text) noexcept {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (matches(pattern.substr(1), text.substr(i))) return true;
    }
    return false;
  }
  return !text.empty() && pattern.front() == text.front() && matches(pattern.substr(1), text.substr(1));
}

bool listed(std::string_view list, std::string_view name) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (matches(list.substr(0, comma), name)) return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

std::string_view base_name(std::string_view path) noexcept {
  return path.substr(path.rfind('/') + 1);
}

// A program's name is that of its file, or the one that it was started by (a script, busybox).
bool program_is_listed(std::string_view list) noexcept {
  return listed(list, base_name(program_file())) || listed(list, program_name());
}

// Whether an entry of LD_PRELOAD is this library: as it was given, or found by its name alone.
bool is_own_library(std::string_view entry) noexcept {
  const link_map* const own = module_of(reinterpret_cast<const void*>(&is_own_library));
  if (own == nullptr) return false;
  const std::string_view path(own->l_name);
  return entry == path || (entry.find('/') == std::string_view::npos && entry == base_name(path));
}

// Takes our library out of LD_PRELOAD, in place, so that children start without it. Others stay.
void leave_children_alone() noexcept {
  char* value = const_cast<char*>(initial_environment("LD_PRELOAD"));
  if (value == nullptr) return;
  char* to = value;
  for (char* from = value; *from != '\0';) {
    const char* end = from;
    while (*end != '\0' && *end != ':' && *end != ' ') ++end;
    const std::string_view entry(from, static_cast<std::size_t>(end - from));
    if (!is_own_library(entry)) {
      if (to != value) *to++ = ':';
      for (const char c : entry) *to++ = c;
    }
    from += entry.size();
    if (*from != '\0') ++from;
  }
  *to = '\0';
}

// The sanitizer whose runtime is in the process, by the name of a function that only it has; nullptr for none. It brings
// a heap of its own, looks at every call of libc's, and is not ready when weir starts.
const char* find_sanitizer() noexcept {
  struct Runtime {
    const char* function;
    const char* name;
  };
  constexpr Runtime kRuntimes[] = {{"__asan_init", "AddressSanitizer"},
                                   {"__tsan_init", "ThreadSanitizer"},
                                   {"__msan_init", "MemorySanitizer"},
                                   {"__hwasan_init", "HWAddressSanitizer"},
                                   {"__lsan_init", "LeakSanitizer"}};
  const link_map* module = module_of(reinterpret_cast<const void*>(&find_sanitizer));
  while (module != nullptr && module->l_prev != nullptr) module = module->l_prev;
  for (; module != nullptr; module = module->l_next) {
    for (const Runtime& runtime : kRuntimes) {
      if (symbol_of(*module, runtime.function) != nullptr) return runtime.name;
    }
  }
  return nullptr;
}

Mode choose_mode() noexcept {
  if (getauxval(AT_SECURE) != 0) return Mode::kPass;  // more rights than the caller: its wishes do not count
  const char* text = initial_environment("WEIR_OPTIONS");
  const unsigned mistakes = text != nullptr ? parse_options(text, options) : 0;
  // Who says where or when asks for them.
  if (options.stats_every != 0 || options.stats_path[0] != '\0') options.stats = true;
  if (mistakes != 0 && options.strict) {
    Line().text("weir: WEIR_OPTIONS has errors and strict=1: not started").say();
    sys::exit_group(2);
  }
  if (!options.follow) leave_children_alone();
  if (options.only[0] != '\0' && !program_is_listed(options.only)) options.enabled = false;
  if (options.summary == kSummaryLeaks && is_root_process()) {
    options.summary = kSummaryAlways;
    summary_is_of_root = true;
  }
  if (!options.enabled) return Mode::kPass;
  if (options.guard != kGuardCanary && options.mode != kModeGuard) {
    Line().text("weir: option 'guard' counts with mode=guard alone; ignored").say();
  }
  switch (options.mode) {
    case kModeLeak:
      keep_freed_bytes = options.clear_freed == kClearFreedNone;
      set_up_routes(kHeaderBytes);
      return Mode::kLeak;
    case kModeGuard:
      if (!guarded::uses_leak_blocks()) block_distance = kGuardHeaderBytes;
      set_up_routes(guarded::uses_leak_blocks() ? kHeaderBytes : kMostGuardBytes);
      guarded::set_up();
      return Mode::kGuard;
    default:
      set_up_routes(0);
      return routing ? Mode::kRoute : Mode::kPass;
  }
}

}  // namespace

const char* initial_environment(const char* name) noexcept {
  const std::string_view wanted(name);
  for (char** e = environment_block(); e != nullptr && *e != nullptr; ++e) {
    const std::string_view entry(*e);
    if (entry.size() > wanted.size() && entry[wanted.size()] == '=' && entry.starts_with(wanted)) {
      return *e + wanted.size() + 1;
    }
  }
  return nullptr;
}

bool stands_aside() noexcept {
  if (sanitizer == nullptr) return false;
  remember_error_fd();
  remember_program();
  Line()
      .text("weir: ")
      .text(sanitizer)
      .text(" is in this program, with a heap of its own: weir steps aside")
      .say();
  return true;
}

bool is_root_process() noexcept {
  const char* text = initial_environment("WEIR_ROOT_PID");
  long pid = 0;
  for (; text != nullptr && *text >= '0' && *text <= '9'; ++text) pid = pid * 10 + (*text - '0');
  return pid == sys::getpid();
}

void become_child() noexcept {
  if (summary_is_of_root) options.summary = kSummaryLeaks;
}

void start() noexcept {
  if (mode_of_entries() != Mode::kUnset) return;
  if (starting.exchange(true, std::memory_order_acquire)) {
    // Another thread is at it; there is none this early in a program that starts as programs do.
    while (mode_of_entries() == Mode::kUnset) sys::call(SYS_sched_yield);
    return;
  }
  parent::bind();
  sanitizer = find_sanitizer();
  if (sanitizer != nullptr) {  // before anything of libc's is called, which may be the runtime's
    options.enabled = false;
    current_mode.store(Mode::kPass, std::memory_order_release);
    entry_mode.store(Mode::kPass, std::memory_order_release);
    return;
  }
  remember_error_fd();
  remember_program();
  make_header_key();
  const Mode chosen = choose_mode();
  const bool watched = options.enabled && set_up_watch();
  current_mode.store(chosen, std::memory_order_release);
  entry_mode.store(watched ? Mode::kWatch : chosen, std::memory_order_release);
}

}  // namespace weir
