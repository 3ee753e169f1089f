// sigaction, signal and their like: with guard=page the program's action for SIGSEGV is kept beside weir's
// own (guard/fault_action); in mode=guard SIG_DFL stands for the check before the program dies (guard/crash).
// For every other signal, and in every other case, these are libc's.
#include <signal.h>

#include <cerrno>
#include <cstdint>

#include "shim/base/sys.hpp"
#include "shim/entry/entry.hpp"
#include "shim/guard/crash.hpp"
#include "shim/guard/fault_action.hpp"
#include "shim/life/libc.hpp"

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

sighandler_t set(sighandler_t handler, int flags, bool masks_itself) noexcept {
  if (handler == SIG_ERR) {
    errno = EINVAL;
    return SIG_ERR;
  }
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  if (masks_itself) sigaddset(&action.sa_mask, SIGSEGV);
  fault_action::exchange(&action, &old);
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
  const sighandler_t old = set(handler, 0, false);
  if (old == SIG_ERR) return old;
  return block_fault(false) ? SIG_HOLD : old;
}

}  // namespace

WEIR_EXPORT int sigaction(int number, const struct sigaction* action, struct sigaction* old) noexcept {
  if (crash::watches(number)) return crash::exchange(number, action, old);
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
  if (!fault_action::keeps(number)) return pass_handler(libc::next.signal, number, handler);
  return set(handler, SA_RESTART, true);
}

WEIR_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  if (!fault_action::keeps(number)) return pass_handler(libc::next.sysv_signal, number, handler);
  return set(handler, static_cast<int>(SA_RESETHAND) | SA_NODEFER, false);
}

WEIR_EXPORT sighandler_t sigset(int number, sighandler_t handler) noexcept {
  if (!fault_action::keeps(number)) return pass_handler(libc::next.sigset, number, handler);
  return set_system_v(handler);
}

WEIR_EXPORT int sigignore(int number) noexcept {
  if (!fault_action::keeps(number)) return pass(libc::next.sigignore, number);
  return set(SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
}

#define WEIR_ALIAS(of) __attribute__((visibility("default"), alias(#of)))
extern "C" {
WEIR_ALIAS(sigaction) int __sigaction(int, const struct sigaction*, struct sigaction*) noexcept;
WEIR_ALIAS(signal) sighandler_t bsd_signal(int, sighandler_t) noexcept;
WEIR_ALIAS(signal) sighandler_t ssignal(int, sighandler_t) noexcept;
WEIR_ALIAS(sysv_signal) sighandler_t __sysv_signal(int, sighandler_t) noexcept;
}
