#include "shim/guard/crash.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/guard/heap_check.hpp"
#include "shim/guard/interrupted_stack.hpp"
#include "shim/guard/report_stack.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/process.hpp"
#include "shim/life/thread_state.hpp"

namespace weir::crash {
namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
constinit std::uint64_t watched = 0;  // bit n - 1 for signal n
constinit std::atomic<bool> looked{false};

// The program sees what it has set, for SIG_DFL too: the mask is the installed one, the flags as well but for
// these, which the handler's own address keeps.
constexpr int kKept[] = {SA_SIGINFO, SA_ONSTACK, sys::kSaRestorer};
using Handler = void (*)(int, siginfo_t*, void*);

template <unsigned Kept>
void on_crash(int number, siginfo_t* info, void* context) noexcept {
  static_assert(Kept < 8);
  const int saved = errno;
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&kAll), 0, sizeof kAll);
  let_die(number, info, context);
  errno = saved;
  asm volatile("" ::"i"(Kept));  // each has an address of its own
}
constexpr Handler kHandlers[] = {on_crash<0>, on_crash<1>, on_crash<2>, on_crash<3>,
                                 on_crash<4>, on_crash<5>, on_crash<6>, on_crash<7>};

// For an action that is SIG_DFL.
struct sigaction ours(const struct sigaction& programs) noexcept {
  unsigned kept = 0;
  for (unsigned i = 0; i < 3; ++i) {
    if ((programs.sa_flags & kKept[i]) != 0) kept |= 1u << i;
  }
  struct sigaction action = programs;
  action.sa_sigaction = kHandlers[kept];
  action.sa_flags |= SA_SIGINFO | SA_ONSTACK;
  return action;
}

// The other way round; false where it is not ours.
bool take_back(struct sigaction& action) noexcept {
  for (unsigned kept = 0; kept < 8; ++kept) {
    if (action.sa_sigaction != kHandlers[kept]) continue;
    action.sa_handler = SIG_DFL;
    for (unsigned i = 0; i < 3; ++i) {
      if ((kept >> i & 1) == 0) action.sa_flags &= ~kKept[i];
    }
    return true;
  }
  return false;
}

struct Crash {
  int number;
  std::uint64_t fault;
  const ucontext_t& context;
};

void check(void* of) noexcept {
  const Crash& crash = *static_cast<const Crash*>(of);
  check_heap_at_crash(interrupted_stack(crash.context, crash.fault), crash.number);
}

void look(int number, const siginfo_t& info, void* context) noexcept {
  if (!options.check_at_crash || !is_this_process() || looked.exchange(true)) return;
  // In the middle of weir's own work locks may be held that a report needs.
  if (const ThreadState* t = this_thread; t != nullptr && t->busy) return;
  // Of the other signals it is the instruction's.
  const bool by_access = info.si_code > 0 && (number == SIGSEGV || number == SIGBUS);
  const std::uint64_t fault = by_access ? reinterpret_cast<std::uint64_t>(info.si_addr) : 0;
  Crash crash{number, fault, *static_cast<const ucontext_t*>(context)};
  call_on_report_stack(check, &crash);
}

}  // namespace

void begin() noexcept {
  if (!options.check_at_crash || libc::next.sigaction == nullptr) return;
  for (const int number : kSignals) {
    if (number == SIGSEGV && options.guard != kGuardCanary) continue;
    struct sigaction now {};
    if (libc::next.sigaction(number, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) continue;
    const struct sigaction action = ours(now);
    if (libc::next.sigaction(number, &action, nullptr) == 0) watched |= std::uint64_t{1} << (number - 1);
  }
}

bool watches(int number) noexcept {
  return number > 0 && number <= 64 && (watched >> (number - 1) & 1) != 0;
}

int exchange(int number, const struct sigaction* action, struct sigaction* old) noexcept {
  struct sigaction wanted {};
  if (action != nullptr) {
    wanted = *action;
    wanted.sa_flags |= sys::kSaRestorer;  // as libc would
    if (action->sa_handler == SIG_DFL) wanted = ours(wanted);
  }
  struct sigaction before {};
  const int result = libc::next.sigaction(number, action != nullptr ? &wanted : nullptr, &before);
  if (result != 0 || old == nullptr) return result;
  take_back(before);
  *old = before;
  return result;
}

sighandler_t as_program_sees(sighandler_t handler) noexcept {
  struct sigaction action {};
  action.sa_handler = handler;
  return take_back(action) ? SIG_DFL : handler;
}

void let_die(int number, siginfo_t* info, void* context) noexcept {
  look(number, *info, context);
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  libc::next.sigaction(number, &by_default, nullptr);
  // An instruction that faults does so once more; a signal that was sent is sent again.
  if (info->si_code > 0) return;
  sys::call(SYS_rt_tgsigqueueinfo, sys::getpid(), sys::gettid(), number, sys::as_word(info));
}

void stand_aside() noexcept {
  looked.store(true, std::memory_order_relaxed);
}

}  // namespace weir::crash
