// Freezing by ptrace: a task of ours, beside the process but in its memory, attaches to each thread and stops it.
//
// A stop writes nothing to the thread's stack and runs none of its code. A call that sleeps is begun again by
// the system when the thread goes on, with the time that is left; those that would return EINTR even though
// no handler ran (epoll_wait, semop, ...) are told to begin again as well, with the time that they were given.
// What has transferred a part by then (a large write to a pipe) returns that, and cannot go on: where the process ends,
// such threads stay stopped until it has.
//
// The tracer is no thread of the process, which ptrace forbids; no exit signal, so that the program's waits do
// not see it (life/own_children); descriptors are shared, so that none is copied; it dies with the thread that asked, whereupon the
// system lets all threads go. It takes no lock and calls nothing but the system.
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "shim/base/sys.hpp"
#include "shim/base/task.hpp"
#include "shim/base/zones.hpp"
#include "shim/leak/freeze_table.hpp"
#include "shim/life/own_children.hpp"
#include "shim/life/sandbox.hpp"

namespace weir {
namespace {

enum class Tracing : std::uint32_t { kIdle, kToBegin, kToFreeze, kFrozen, kToRelease, kKept };

constexpr std::size_t kTracerStack = std::size_t{64} << 10;
constexpr int kErestartNoHand = 514;  // the kernel's own: begin again unless a handler runs

constinit std::atomic<Tracing> tracing{Tracing::kIdle};
constinit std::atomic<std::uint32_t> tracer_lives{0};  // cleared by the system when it ends
constinit pid_t tracer = 0;
constinit char* tracer_stack = nullptr;

void tracing_becomes(Tracing now) noexcept {
  tracing.store(now, std::memory_order_release);
  sys::call(SYS_futex, sys::as_word(&tracing), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}

// Returns when it has another value, or after a moment.
void await_other(Tracing than, long milliseconds) noexcept {
  const struct timespec pause = {0, milliseconds * 1'000'000};
  if (tracing.load(std::memory_order_acquire) != than) return;
  sys::call(SYS_futex, sys::as_word(&tracing), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, static_cast<long>(than),
            sys::as_word(&pause));
}

long trace(int request, pid_t tid, std::uint64_t address, std::uint64_t data) noexcept {
  return sys::call(SYS_ptrace, request, tid, static_cast<long>(address), static_cast<long>(data));
}

// Calls that return EINTR when they are interrupted, whether or not a handler runs. None of them has done
// anything then.
bool may_begin_again(std::uint64_t call_number) noexcept {
  switch (call_number) {
    case SYS_read:
    case SYS_readv:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_rt_sigtimedwait:
    case SYS_io_getevents:
    case SYS_io_pgetevents:
    case SYS_io_uring_enter:
    case SYS_msgrcv:
    case SYS_msgsnd:
    case SYS_accept:
    case SYS_accept4:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
      return true;
    default:
      return false;
  }
}

// Calls that sleep until all has been transferred, but return early with a part when they are interrupted.
bool may_be_cut_short(std::uint64_t call_number) noexcept {
  switch (call_number) {
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_sendfile:
    case SYS_splice:
    case SYS_vmsplice:
    case SYS_copy_file_range:
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
      return true;
    default:
      return false;
  }
}

void note_vectors(FrozenThread& t) noexcept {
  constexpr std::uint64_t kXState = 0x202;  // NT_X86_XSTATE
  std::uint64_t* const room = freeze_table.vectors_of(t);
  struct iovec to = {room, kVectorBytes};
  if (room == nullptr || trace(PTRACE_GETREGSET, t.tid, kXState, reinterpret_cast<std::uint64_t>(&to)) != 0)
    return;
  t.vectors = {room, static_cast<std::uint32_t>(to.iov_len / 8)};
}

// Of a thread that has just stopped.
void note_stop(const FreezeWork& work, FrozenThread& t, int status) noexcept {
  struct user_regs_struct r {};
  if (trace(PTRACE_GETREGS, t.tid, 0, reinterpret_cast<std::uint64_t>(&r)) != 0) return;
  const bool by_us = status >> 16 != 0;
  t.held_signal = by_us ? 0 : WSTOPSIG(status);
  const auto call_number = static_cast<std::int64_t>(r.orig_rax);
  if (by_us && call_number >= 0 && r.rax == static_cast<std::uint64_t>(-EINTR) &&
      may_begin_again(r.orig_rax)) {
    trace(PTRACE_POKEUSER, t.tid, offsetof(struct user, regs.rax),
          static_cast<std::uint64_t>(-kErestartNoHand));
  }
  const bool has_part = by_us && call_number >= 0 && static_cast<std::int64_t>(r.rax) > 0;
  t.cut_short = has_part && may_be_cut_short(r.orig_rax) ? 1 : 0;
  const std::uint64_t general[] = {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8,
                                   r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
  static_assert(sizeof general <= sizeof t.registers);
  std::memcpy(t.registers, general, sizeof general);
  t.sp = r.rsp;
  t.stack_top = r.fs_base;
  t.gs_base = r.gs_base;
  if (!is_at_system_call(work.libc, r.rip)) note_vectors(t);
  t.answered = 1;
}

// Those that an earlier freeze of a process that ends has kept.
constexpr unsigned kMostKept = 256;
pid_t kept[kMostKept];
constinit unsigned kept_count = 0;

bool is_kept(pid_t tid) noexcept {
  for (unsigned i = 0; i < kept_count; ++i) {
    if (kept[i] == tid) return true;
  }
  return false;
}

// Attaches to a thread and asks it to stop.
void seize(const FreezeWork& work, FrozenThread& t, bool& refused) noexcept {
  if (refused) return;
  if (is_kept(t.tid)) {
    t.asked = 1;
    return note_stop(work, t, PTRACE_EVENT_STOP << 16);
  }
  const long error = trace(PTRACE_SEIZE, t.tid, 0, 0);
  if (error == 0) {
    t.asked = 1;
    trace(PTRACE_INTERRUPT, t.tid, 0, 0);
    return;
  }
  // What has ended may not be traced either: the main thread stays as a zombie.
  if (error == -ESRCH || read_task_status(work.directory, t.tid).is_gone()) {
    t.gone = 1;
  } else {
    refused = true;
  }
}

// Takes note of those that have stopped or ended; how many are still awaited.
std::uint32_t collect_stops(const FreezeWork& work) noexcept {
  std::uint32_t missing = 0;
  for (FrozenThread& t : freeze_table) {
    if (t.answered != 0 || t.gone != 0) continue;
    int status = 0;
    const long got = sys::call(SYS_wait4, t.tid, sys::as_word(&status), __WALL | WNOHANG);
    if (got == t.tid && WIFSTOPPED(status)) {
      note_stop(work, t, status);
    } else if (got == t.tid || got == -ECHILD) {
      t.gone = 1;
    } else {
      ++missing;
    }
  }
  return missing;
}

void await_stops(const FreezeWork& work) noexcept {
  constexpr std::uint64_t kPatience = 2'000'000;
  std::uint64_t look_at = sys::now_ns() + kPatience;
  const std::uint64_t child_changed = std::uint64_t{1} << (SIGCHLD - 1);
  const struct timespec pause = {0, 1'000'000};
  while (collect_stops(work) != 0) {
    const std::uint64_t now = sys::now_ns();
    if (now >= work.deadline) return;
    if (now >= look_at) {
      // A main thread that ends now is told to nobody before the last thread ends.
      for (FrozenThread& t : freeze_table) {
        if (t.answered == 0 && t.gone == 0 && read_task_status(work.directory, t.tid).is_gone()) t.gone = 1;
      }
      look_at = now + 10 * kPatience;
    }
    sys::call(SYS_rt_sigtimedwait, sys::as_word(&child_changed), 0, sys::as_word(&pause), 8);
  }
}

struct Seizing {
  const FreezeWork& work;
  bool refused;
};

bool seize_all(const FreezeWork& work) noexcept {
  Seizing seizing{work, false};
  const auto visit = [](void* of, FrozenThread& t) {
    auto& s = *static_cast<Seizing*>(of);
    seize(s.work, t, s.refused);
  };
  // A thread that was still running may have made another before it stopped.
  while (add_new_threads(work, visit, &seizing) != 0) {
    if (seizing.refused) return false;
    await_stops(work);
  }
  return true;
}

// Whether some are kept: their calls would be seen to return early.
bool detach_all(FreezeEnd end) noexcept {
  kept_count = 0;
  for (const FrozenThread& t : freeze_table) {
    if (t.cut_short != 0 && end == FreezeEnd::kProcessEnds && kept_count < kMostKept) {
      kept[kept_count++] = t.tid;
      continue;
    }
    if (t.answered != 0) trace(PTRACE_DETACH, t.tid, 0, static_cast<std::uint64_t>(t.held_signal));
  }
  // Those that were asked and have not stopped are let go when this task ends.
  return kept_count != 0;
}

// The tracer's life. All signals are blocked in it.
int run_tracer(void* of) noexcept {
  const auto& work = *static_cast<const FreezeWork*>(of);
  sys::call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  if (sys::call(SYS_getppid) != work.process) return 0;
  // What the program does about its children is not this task's: stops are to be told. The handlers are its own.
  struct {
    void (*handler)(int);
    std::uint64_t flags, restorer, mask;
  } by_default{};
  sys::call(SYS_rt_sigaction, SIGCHLD, sys::as_word(&by_default), 0, 8);
  constexpr int kRounds = 200;
  for (int i = 0; i < kRounds && tracing.load(std::memory_order_acquire) == Tracing::kToBegin; ++i) {
    await_other(Tracing::kToBegin, 50);
  }
  if (tracing.load(std::memory_order_acquire) != Tracing::kToFreeze) return 0;
  const auto stay = [](Tracing as) {
    tracing_becomes(as);
    while (tracing.load(std::memory_order_acquire) == as) await_other(as, 900);
  };
  for (;;) {
    if (!seize_all(work)) {
      detach_all(FreezeEnd::kGoesOn);
      return 1;
    }
    stay(Tracing::kFrozen);
    if (!detach_all(work.end)) return 0;
    stay(Tracing::
             kKept);  // until there is another freeze, or the thread that asked ends, and with it this task
  }
}

void collect_tracer() noexcept {
  own_children::wait(tracer, nullptr, 0);
  // Somebody else may have waited for it, with __WALL and for any child.
  while (tracer_lives.load(std::memory_order_acquire) != 0) sys::call(SYS_sched_yield);
  tracer = 0;
  tracing.store(Tracing::kIdle, std::memory_order_relaxed);
}

bool start_tracer(const FreezeWork& work) noexcept {
  if (!sandbox::allows_ptrace()) return false;
  if (tracer_stack == nullptr) tracer_stack = static_cast<char*>(table_zone.map(kTracerStack));
  if (tracer_stack == nullptr) return false;
  std::uint64_t before = 0;
  const std::uint64_t all = ~std::uint64_t{0};
  tracer_lives.store(1, std::memory_order_relaxed);
  tracing.store(Tracing::kToBegin, std::memory_order_release);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&all), sys::as_word(&before), 8);
  const long made =
      start_task(run_tracer, const_cast<FreezeWork*>(&work), tracer_stack + kTracerStack,
                 CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED | CLONE_CHILD_CLEARTID, &tracer_lives);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::as_word(&before), 0, 8);
  if (made < 0) {
    tracing.store(Tracing::kIdle, std::memory_order_relaxed);
    return false;
  }
  tracer = static_cast<pid_t>(made);
  own_children::note(tracer);
  return true;
}

}  // namespace

bool freeze_by_tracer(const FreezeWork& work) noexcept {
  if (tracer == 0 && !start_tracer(work)) return false;
  // Yama allows it to whom the process names. Without Yama this is an error that changes nothing.
  const bool named = sys::call(SYS_prctl, PR_SET_PTRACER, tracer) == 0;
  tracing_becomes(Tracing::kToFreeze);
  while (tracing.load(std::memory_order_acquire) == Tracing::kToFreeze &&
         tracer_lives.load(std::memory_order_acquire) != 0) {
    await_other(Tracing::kToFreeze, 2);
  }
  if (named) sys::call(SYS_prctl, PR_SET_PTRACER, static_cast<long>(sandbox::ptracer_of_program()));
  if (tracing.load(std::memory_order_acquire) == Tracing::kFrozen) return true;
  collect_tracer();
  return false;
}

void release_by_tracer(FreezeEnd end) noexcept {
  tracing_becomes(Tracing::kToRelease);
  while (end == FreezeEnd::kProcessEnds && tracer_lives.load(std::memory_order_acquire) != 0 &&
         tracing.load(std::memory_order_acquire) == Tracing::kToRelease) {
    await_other(Tracing::kToRelease, 2);
  }
  if (tracing.load(std::memory_order_acquire) != Tracing::kKept) collect_tracer();
}

void forget_tracer() noexcept {
  tracer = 0;
  kept_count = 0;
  tracing.store(Tracing::kIdle, std::memory_order_relaxed);
}

}  // namespace weir
