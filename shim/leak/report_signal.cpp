#include "shim/leak/report_signal.hpp"

#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <iterator>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/guard/heap_check.hpp"
#include "shim/guard/report_stack.hpp"
#include "shim/leak/freeze.hpp"
#include "shim/leak/program_memory.hpp"
#include "shim/leak/vector_registers.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/mode.hpp"
#include "shim/life/own_children.hpp"
#include "shim/life/process.hpp"

namespace weir::report_signal {
namespace {

// What a signal handler was given, as the thread that asks.
CheckingThread interrupted_thread(const ucontext_t& context) noexcept {
  return {static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RSP]) - 128,
          reinterpret_cast<std::uint64_t>(__builtin_thread_pointer()),
          reinterpret_cast<const std::uint64_t*>(context.uc_mcontext.gregs), kRegisters,
          vectors_of(context, libc_code())};
}

// The children of earlier requests; collected so that none stays a zombie for long.
constexpr int kMostChildren = 64;
pid_t children[kMostChildren];

// Whether any is still at it.
bool collect_children() noexcept {
  bool any = false;
  for (pid_t& child : children) {
    if (child == 0) continue;
    int status = 0;
    if (own_children::wait(child, &status, WNOHANG) == 0) {
      any = true;
      continue;
    }
    if (WIFSIGNALED(status)) {
      Line()
          .text("weir: a check that was asked for was ended by signal ")
          .number(static_cast<std::uint64_t>(WTERMSIG(status)))
          .text("; there is no report of it")
          .say();
    }
    child = 0;
  }
  return any;
}

pid_t* place_for_child() noexcept {
  collect_children();
  for (pid_t& child : children) {
    if (child == 0) return &child;
  }
  return nullptr;
}

// In the child: what the program closes meanwhile is closed, and who waits for its end hears of it. The streams stay,
// for the report, and what leads to the parent's memory.
void close_descriptors(const ParentMemory& parent) noexcept {
  int kept[] = {1, 2, error_fd(), parent.pagemap, parent.memory, parent.mappings};
  std::sort(std::begin(kept), std::end(kept));
  unsigned next = 0;
  for (const int fd : kept) {
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > next) sys::close_between(next, number - 1);
    next = number + 1;
  }
  sys::close_between(next, ~0u);
}

// The program stands still for the length of a raw fork; the child looks at its frozen copy of the heap. On a
// stack of weir's own: the signal may have come on one of a few kilobytes.
void check_on_demand(void* of) noexcept {
  const auto& self = *static_cast<const CheckingThread*>(of);
  pid_t* const place = place_for_child();
  if (place == nullptr) {
    Line().text("weir: no leak check: too many that were asked for before are not done yet").say();
    return;
  }
  const std::uint64_t start = sys::now_ns();
  const FrozenThreads others = freeze_threads(options.freeze_timeout_ms);
  if (mode() == Mode::kGuard) look_for_damage(IncidentOccasion::kSignal, others.silent != 0);
  const ParentMemory parent = ParentMemory::open();
  // No exit signal, so the program's waits do not see it.
  pid_t* const known = own_children::place();
  const auto child = static_cast<pid_t>(
      sys::call(SYS_clone, known != nullptr ? CLONE_PARENT_SETTID : 0, 0, sys::as_word(known)));
  if (child == 0) {
    own_children::forget();
    close_descriptors(parent);
    check({CheckReason::kSignal, self, others, &parent, start, sys::now_ns() - start, nullptr});
    sys::exit_group(0);
  }
  release_threads();
  parent.close();
  name_silent_threads(others);
  if (mode() == Mode::kGuard) report_found_damage();
  if (child < 0) Line().text("weir: no leak check: fork failed with error ").signed_number(-child).say();
  if (child > 0) {
    *place = child;
  } else {
    own_children::drop(known);
  }
}

void on_report_signal(int, siginfo_t*, void* context) noexcept {
  const int saved = errno;
  if (!is_this_process() || !take_freeze_or_ask_later()) return;
  CheckingThread self = interrupted_thread(*static_cast<const ucontext_t*>(context));
  call_on_report_stack(check_on_demand, &self);
  give_freeze();
  errno = saved;
}

constinit std::atomic<bool> listens{false};

struct sigaction ours() noexcept {
  struct sigaction action {};
  action.sa_sigaction = on_report_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  return action;
}

}  // namespace

void listen() noexcept {
  if (options.report_signal == 0) return;
  call_on_report_stack([](void*) noexcept {}, nullptr);  // made now: later there may be no memory
  const struct sigaction action = ours();
  const bool done = sigaction(static_cast<int>(options.report_signal), &action, nullptr) == 0;
  listens.store(done, std::memory_order_relaxed);
  if (!done) {
    Line()
        .text("weir: option 'report_signal': signal ")
        .number(options.report_signal)
        .text(" cannot be handled; no check on demand")
        .say();
  }
}

bool is(int number) noexcept {
  return listens.load(std::memory_order_relaxed) && number == static_cast<int>(options.report_signal);
}

int exchange(const struct sigaction* action, struct sigaction* old) noexcept {
  const struct sigaction default_is = ours();
  const struct sigaction* const wanted =
      action != nullptr && action->sa_handler == SIG_DFL ? &default_is : action;
  const int result = libc::next.sigaction(static_cast<int>(options.report_signal), wanted, old);
  if (result == 0 && old != nullptr && old->sa_sigaction == on_report_signal) *old = {};
  return result;
}

bool is_ours() noexcept {
  struct sigaction now {};
  return listens.load(std::memory_order_relaxed) &&
         libc::next.sigaction(static_cast<int>(options.report_signal), nullptr, &now) == 0 &&
         now.sa_sigaction == on_report_signal;
}

bool take(int number, const Here& here) noexcept {
  if (!is(number) || !is_ours()) return false;
  const int saved = errno;
  std::uint64_t before = 0;
  const std::uint64_t all = ~std::uint64_t{0};
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&all), sys::as_word(&before), 8);
  if (is_this_process() && take_freeze_or_ask_later()) {
    CheckingThread self{here.sp, reinterpret_cast<std::uint64_t>(__builtin_thread_pointer()), here.registers,
                        6};
    call_on_report_stack(check_on_demand, &self);
    give_freeze();
  }
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&before), 0, 8);
  errno = saved;
  return true;
}

void await_checks() noexcept {
  constexpr std::uint64_t kLongest = 60'000'000'000;
  const std::uint64_t deadline = sys::now_ns() + kLongest;
  const struct timespec pause = {0, 5'000'000};
  while (collect_children()) {
    if (sys::now_ns() >= deadline) {
      Line().text("weir: a check that was asked for takes more than a minute yet; not waited for").say();
      return;
    }
    sys::call(SYS_nanosleep, sys::as_word(&pause));
  }
}

}  // namespace weir::report_signal
