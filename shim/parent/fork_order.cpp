#include "shim/parent/fork_order.hpp"

#include <pthread.h>
#include <signal.h>

#include <cstdint>

#include "shim/base/sys.hpp"

extern "C" {
// glibc's, exported for nobody in particular; the lock is recursive.
void _IO_list_lock() __attribute__((weak));
void _IO_list_unlock() __attribute__((weak));
void _IO_list_resetlock() __attribute__((weak));
extern char __libc_single_threaded;
}

namespace weir::parent {
namespace {

using Handler = void (*)();

struct Handlers {
  Handler before, in_parent, in_child;
};
constinit Handlers jemalloc{};
constinit ForkHooks fork_hooks{};

// Of the fork that is under way: there is one at a time, by the lock of the list or because there is one thread.
struct Fork {
  std::uint64_t mask;
  bool alone;
  ForkHooks hooks;
};
constinit Fork fork_now{};

std::uint64_t block_signals() noexcept {
  const std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&all), sys::as_word(&before), sizeof before);
  return before;
}

void unblock_signals(std::uint64_t mask) noexcept {
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&mask), 0, sizeof mask);
}

void before_fork() noexcept {
  const std::uint64_t mask = block_signals();
  const bool alone = __libc_single_threaded != 0;
  if (!alone && _IO_list_lock != nullptr) _IO_list_lock();
  const ForkHooks hooks = fork_hooks;
  if (hooks.before != nullptr) hooks.before(alone);
  if (!alone) jemalloc.before();
  fork_now = {mask, alone, hooks};
}

void after_fork_in_parent() noexcept {
  const Fork done = fork_now;
  if (!done.alone) jemalloc.in_parent();
  if (done.hooks.in_parent != nullptr) done.hooks.in_parent(done.alone);
  if (!done.alone && _IO_list_unlock != nullptr) _IO_list_unlock();
  unblock_signals(done.mask);
}

void after_fork_in_child() noexcept {
  const Fork done = fork_now;
  if (!done.alone) jemalloc.in_child();
  if (done.hooks.in_child != nullptr) done.hooks.in_child(done.alone);
  if (!done.alone && _IO_list_resetlock != nullptr) _IO_list_resetlock();
  unblock_signals(done.mask);
}

}  // namespace

void set_fork_hooks(const ForkHooks& hooks) noexcept {
  fork_hooks = hooks;
}

}  // namespace weir::parent

using namespace weir::parent;

// jemalloc's own call of pthread_atfork (see redefine.syms).
extern "C" int weir_parent_atfork(Handler before, Handler in_parent, Handler in_child) noexcept {
  jemalloc = {before, in_parent, in_child};
  return pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
