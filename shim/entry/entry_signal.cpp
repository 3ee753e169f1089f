// sigaction, signal and their like: with guard=page the program's action for SIGSEGV is kept beside weir's
// own (guard/fault_action); in mode=guard SIG_DFL stands for the check before the program dies (guard/crash).
// The report signal's handler is not the program's to see (leak/report_signal). For every other signal, and in every other case, these are libc's.
#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <cstdint>

#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/entry/entry.hpp"
#include "shim/guard/crash.hpp"
#include "shim/guard/fault_action.hpp"
#include "shim/leak/report_signal.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/mode.hpp"
#include "shim/life/thread_state.hpp"

using namespace weir;

namespace {

template <typename Result, typename... Arguments>
Result pass(Result (*&function)(Arguments...), Arguments... arguments) noexcept {
  if (__builtin_expect(function == nullptr, 0)) libc::find();
  return function(arguments...);
}

sighandler_t pass_handler(sighandler_t (*&function)(int, sighandler_t), int number,
                          sighandler_t handler) noexcept {
  return crash::as_program_sees(pass(function, number, handler));
}

bool is_kept(int number) noexcept {
  return fault_action::keeps(number) || report_signal::is(number);
}

sighandler_t set(int number, sighandler_t handler, int flags, bool masks_itself) noexcept {
  if (handler == SIG_ERR) {
    errno = EINVAL;
    return SIG_ERR;
  }
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  if (masks_itself) sigaddset(&action.sa_mask, number);
  if (!report_signal::is(number)) {
    fault_action::exchange(&action, &old);
  } else if (report_signal::exchange(&action, &old) != 0) {
    return SIG_ERR;
  }
  return old.sa_handler;
}

// Blocks SIGSEGV, or lets it through; whether it was blocked.
bool block_fault(bool blocked) noexcept {
  constexpr std::uint64_t kMask = std::uint64_t{1} << (SIGSEGV - 1);
  std::uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, blocked ? SIG_BLOCK : SIG_UNBLOCK, sys::as_word(&kMask),
            sys::as_word(&before), sizeof kMask);
  return (before & kMask) != 0;
}

sighandler_t set_system_v(sighandler_t handler) noexcept {
  if (handler == SIG_HOLD) {
    if (block_fault(true)) return SIG_HOLD;
    struct sigaction now {};
    fault_action::exchange(nullptr, &now);
    return now.sa_handler;
  }
  const sighandler_t old = set(SIGSEGV, handler, 0, false);
  if (old == SIG_ERR) return old;
  return block_fault(false) ? SIG_HOLD : old;
}

}  // namespace

WEIR_EXPORT int sigaction(int number, const struct sigaction* action, struct sigaction* old) noexcept {
  if (crash::watches(number)) return crash::exchange(number, action, old);
  if (report_signal::is(number)) return report_signal::exchange(action, old);
  if (__builtin_expect(!fault_action::keeps(number), 1)) {
    return pass(libc::next.sigaction, number, action, old);
  }
  fault_action::exchange(action, old);
  return 0;
}

WEIR_EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  if (crash::watches(number) && handler == SIG_DFL) {
    struct sigaction action {};
    action.sa_flags = SA_RESTART;
    sigaddset(&action.sa_mask, number);
    struct sigaction old {};
    return crash::exchange(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
  }
  if (!is_kept(number)) return pass_handler(libc::next.signal, number, handler);
  return set(number, handler, SA_RESTART, true);
}

WEIR_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  if (!is_kept(number)) return pass_handler(libc::next.sysv_signal, number, handler);
  return set(number, handler, static_cast<int>(SA_RESETHAND) | SA_NODEFER, false);
}

WEIR_EXPORT sighandler_t sigset(int number, sighandler_t handler) noexcept {
  if (!fault_action::keeps(number)) return pass_handler(libc::next.sigset, number, handler);
  return set_system_v(handler);
}

WEIR_EXPORT int sigignore(int number) noexcept {
  if (!fault_action::keeps(number)) return pass(libc::next.sigignore, number);
  return set(SIGSEGV, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
}

// The check must know where a thread's signal stack lies: the system alone has its address, and it may lie in the middle
// of the thread's own stack.
WEIR_EXPORT int sigaltstack(const stack_t* stack, stack_t* old) noexcept {
  const int result = pass(libc::next.sigaltstack, stack, old);
  const bool is_looked_at = mode() == Mode::kLeak || mode() == Mode::kGuard;
  if (result != 0 || stack == nullptr || !is_looked_at) return result;
  ThreadState* const t = make_thread_state();
  if (t == nullptr) return result;
  const auto start = reinterpret_cast<std::uint64_t>(stack->ss_sp);
  const bool is_off = (stack->ss_flags & SS_DISABLE) != 0;
  t->signal_stack = is_off ? 0 : start;
  t->signal_stack_end = is_off ? 0 : start + stack->ss_size;
  return result;
}

// A daemon's thread that waits for all signals would get the one that asks for a check, and that is not the program's.

WEIR_EXPORT int sigwait(const sigset_t* set, int* number) {
  WEIR_HERE(here);
  for (;;) {
    const int result = pass(libc::next.sigwait, set, number);
    if (result != 0 || !report_signal::take(*number, here)) return result;
  }
}

WEIR_EXPORT int sigwaitinfo(const sigset_t* set, siginfo_t* info) {
  WEIR_HERE(here);
  for (;;) {
    const int result = pass(libc::next.sigwaitinfo, set, info);
    if (result <= 0 || !report_signal::take(result, here)) return result;
  }
}

WEIR_EXPORT int sigtimedwait(const sigset_t* set, siginfo_t* info, const struct timespec* time) {
  WEIR_HERE(here);
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const std::uint64_t start = time != nullptr ? sys::now_ns() : 0;
  struct timespec left = time != nullptr ? *time : timespec{};
  const struct timespec* until = time;
  for (;;) {
    const int result = pass(libc::next.sigtimedwait, set, info, until);
    if (result <= 0 || !report_signal::take(result, here)) return result;
    if (time == nullptr) continue;
    const std::uint64_t all =
        static_cast<std::uint64_t>(time->tv_sec) * kSecond + static_cast<std::uint64_t>(time->tv_nsec);
    const std::uint64_t gone = sys::now_ns() - start;
    const std::uint64_t rest = gone < all ? all - gone : 0;
    left.tv_sec = static_cast<time_t>(rest / kSecond);
    left.tv_nsec = static_cast<long>(rest % kSecond);
    until = &left;
  }
}

WEIR_EXPORT int signalfd(int fd, const sigset_t* set, int flags) noexcept {
  asm("" : "+r"(set));  // declared never to be nullptr, which the system answers with EFAULT
  if (set == nullptr || !report_signal::is_ours()) return pass(libc::next.signalfd, fd, set, flags);
  sigset_t programs = *set;
  sigdelset(&programs, static_cast<int>(options.report_signal));
  return pass(libc::next.signalfd, fd, static_cast<const sigset_t*>(&programs), flags);
}

#define WEIR_ALIAS(of) __attribute__((visibility("default"), alias(#of)))
extern "C" {
WEIR_ALIAS(sigaction) int __sigaction(int, const struct sigaction*, struct sigaction*) noexcept;
WEIR_ALIAS(signal) sighandler_t bsd_signal(int, sighandler_t) noexcept;
WEIR_ALIAS(signal) sighandler_t ssignal(int, sighandler_t) noexcept;
WEIR_ALIAS(sysv_signal) sighandler_t __sysv_signal(int, sighandler_t) noexcept;
}
