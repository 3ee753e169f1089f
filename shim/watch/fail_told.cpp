#include "shim/watch/fail_told.hpp"

#include <signal.h>

#include <cerrno>

#include "shim/abi/route_words.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/life/process.hpp"
#include "shim/route/site_names.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/watch/alloc_stacks.hpp"

namespace weir {
namespace {

void say_failure(WatchedCall call, CallSite site, std::uint64_t hash) noexcept {
  Line line;
  line.text("weir: fail: ").text(word_of(call.call)).text(" of ").number(call.bytes).text(" byte(s) in ");
  const CodePlace place = modules.find(site.ip - 1, true);
  if (place.module != 0) {
    line.text(path_of_module(place.module)).text("+").hex(site.ip - modules[place.module].bias);
  } else {
    line.hex(site.ip);
  }
  char digits[16];
  for (unsigned i = 0; i < sizeof digits; ++i) digits[i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
  if (hash != 0) line.text(", stack ").text({digits, sizeof digits});
  line.say();
}

constexpr int kFatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// Returning from a fault strikes again, now without a handler; abort() goes on by itself; what was sent comes
// again by the signal that is sent here.
__attribute__((noinline)) void on_crash(int signal, siginfo_t* info, void*) noexcept {
  const int saved = errno;
  struct sigaction none {};
  none.sa_handler = SIG_DFL;
  sigaction(signal, &none, nullptr);
  if (is_this_process()) report_crash(signal, WEIR_CALL_SITE());
  if (info->si_code <= 0) sys::call(SYS_tgkill, sys::getpid(), sys::gettid(), signal);
  errno = saved;
}

}  // namespace

void tell_failure(WatchedCall call, CallSite site, RecordedStack* stack) noexcept {
  if (options.verbosity == 0 && !reports_failures()) return;
  if (stack == nullptr) stack = record_stack(call, site);
  if (stack != nullptr && stack->told.exchange(true, std::memory_order_relaxed)) return;
  if (options.verbosity != 0) say_failure(call, site, stack != nullptr ? stack->hash : 0);
  if (stack != nullptr && reports_failures()) report_failure(*stack, call);
}

void listen_for_crashes() noexcept {
  if (!reports_failures()) return;
  for (const int signal : kFatal) {
    struct sigaction before {};
    if (sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace weir
