#include "shim/guard/fault_action.hpp"

#include <ucontext.h>

#include <atomic>
#include <cstring>

#include "shim/base/spin_lock.hpp"
#include "shim/base/sys.hpp"
#include "shim/guard/crash.hpp"
#include "shim/life/libc.hpp"

namespace weir::fault_action {
namespace {

using Handler = void (*)(int, siginfo_t*, void*);
using Mask = std::uint64_t;  // the system's, of 64 signals

constinit std::atomic<bool> kept{false};
constinit Handler front = nullptr;
// Behind the lock, which is held with all signals blocked.
constinit SpinLock lock;
struct sigaction programs;

Mask set_mask(Mask mask) noexcept {
  Mask before = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&mask), sys::as_word(&before), sizeof mask);
  return before;
}

class Locked {
 public:
  Locked() noexcept : before_(set_mask(~Mask{0})) { lock.lock(); }
  ~Locked() {
    lock.unlock();
    set_mask(before_);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Mask before_;
};

bool has_handler(const struct sigaction& a) noexcept {
  return a.sa_handler != SIG_DFL && a.sa_handler != SIG_IGN;
}

// The stack is the one that the program's handler asks for; a call that is interrupted goes on if it says so.
bool install(const struct sigaction& for_program) noexcept {
  struct sigaction ours {};
  ours.sa_sigaction = front;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  if (has_handler(for_program)) {
    ours.sa_flags = SA_SIGINFO | (for_program.sa_flags & (SA_ONSTACK | SA_RESTART));
  }
  sigfillset(&ours.sa_mask);
  return libc::next.sigaction(SIGSEGV, &ours, nullptr) == 0;
}

}  // namespace

bool begin(Handler handler) noexcept {
  if (libc::next.sigaction == nullptr) libc::find();
  if (libc::next.sigaction == nullptr || libc::next.sigaction(SIGSEGV, nullptr, &programs) != 0) return false;
  front = handler;
  if (!install(programs)) return false;
  kept.store(true, std::memory_order_release);
  return true;
}

bool keeps(int signal_number) noexcept {
  return signal_number == SIGSEGV && kept.load(std::memory_order_acquire);
}

void exchange(const struct sigaction* action, struct sigaction* old) noexcept {
  struct sigaction wanted {};
  if (action != nullptr) {
    wanted = *action;
    wanted.sa_flags |= sys::kSaRestorer;
    sigdelset(&wanted.sa_mask, SIGKILL);
    sigdelset(&wanted.sa_mask, SIGSTOP);
  }
  struct sigaction before;
  {
    const Locked guard;
    before = programs;
    if (action != nullptr) {
      programs = wanted;
      install(programs);
    }
  }
  if (old != nullptr) *old = before;
}

Next take(int signal_number, siginfo_t* info, void* context) noexcept {
  auto& interrupted = *static_cast<ucontext_t*>(context);
  const bool by_fault = info->si_code > 0;
  struct sigaction action;
  {
    const Locked guard;
    action = programs;
    if (has_handler(action) && (action.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
      programs.sa_handler = SIG_DFL;
      install(programs);
    }
  }
  if (has_handler(action)) {
    Mask mask = 0;
    Mask more = 0;
    std::memcpy(&mask, &interrupted.uc_sigmask, sizeof mask);
    std::memcpy(&more, &action.sa_mask, sizeof more);
    mask |= more;
    if ((action.sa_flags & SA_NODEFER) == 0) mask |= Mask{1} << (signal_number - 1);
    set_mask(mask);
    return {action.sa_sigaction};
  }
  if (action.sa_handler == SIG_IGN && !by_fault) return {nullptr};
  crash::let_die(signal_number, info, context);
  return {nullptr};
}

}  // namespace weir::fault_action
