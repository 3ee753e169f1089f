// Freezing by a signal, where ptrace is not to be had: the handler notes the thread's registers and waits on a
// futex until the thread is let go.
//
// The signal is one that the program does nothing with, and the handler stands only for the length of a freeze:
// longer where a thread was sent the signal and has not got it yet, because the default is death. No thread is
// sent it that blocks it.
//
// A call that sleeps and cannot be begun again returns EINTR afterwards. Where the process ends that would be
// the last thing that it does, so threads that slept in such a call stay where they are until a moment after the
// last check.
#include <linux/futex.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/leak/freeze_table.hpp"
#include "shim/life/libc.hpp"

namespace weir {
namespace {

// Answers and releases are futex words; a release is a new value of `round`.
constinit std::atomic<std::uint32_t> acknowledged{0};
constinit std::atomic<std::uint32_t> round{0};  // odd while threads are to stand still
constinit std::atomic<std::uint32_t> standing{0};
constinit std::atomic<bool> process_ends{false};

constinit int freeze_signal = 0;  // the signal; 0 while none is taken
constinit struct sigaction action_before {};
// Threads that were sent the signal and did not answer: whoever gets it later answers to nobody.
constinit std::atomic<std::uint32_t> outstanding{0};

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const struct timespec* time) noexcept {
  return sys::call(SYS_futex, sys::as_word(&word), operation | FUTEX_PRIVATE_FLAG, value, sys::as_word(time));
}

// Whether the thread was woken out of a call that returns EINTR, or a part of what it was to transfer.
bool slept(const mcontext_t& machine) noexcept {
  const auto result = machine.gregs[REG_RAX];
  const auto pc = static_cast<std::uint64_t>(machine.gregs[REG_RIP]);
  return result == -EINTR || (result > 0 && is_at_system_call(freeze_work.libc, pc));
}

// Such threads, once the process has begun to end: as they stood.
constexpr std::uint32_t kMostParked = 256;
FrozenThread parked[kMostParked];
constinit std::atomic<std::uint32_t> parked_count{0};
constinit std::atomic<std::uint32_t> sleepers_go{0};  // a futex word

void park(const FrozenThread& as) noexcept {
  const std::uint32_t index = parked_count.fetch_add(1, std::memory_order_acq_rel);
  if (index >= kMostParked) return;
  parked[index] = as;
  __atomic_store_n(&parked[index].held_signal, 1, __ATOMIC_RELEASE);  // it is written
}

const FrozenThread* find_parked(pid_t tid) noexcept {
  for (const FrozenThread& t : parked) {
    if (t.tid == tid && __atomic_load_n(&t.held_signal, __ATOMIC_ACQUIRE) != 0) return &t;
  }
  return nullptr;
}

void stay_parked() noexcept {
  while (sleepers_go.load(std::memory_order_acquire) == 0) futex(sleepers_go, FUTEX_WAIT, 0, nullptr);
  const struct timespec moment = {2, 0};
  sys::call(SYS_nanosleep, sys::as_word(&moment));
}

// Runs in the stopped thread. Touches nothing but its own entry and the futex words.
void stand_still(int, siginfo_t*, void* context) noexcept {
  const std::uint32_t now = round.load(std::memory_order_acquire);
  FrozenThread* me = (now & 1) != 0 ? freeze_table.find(sys::gettid()) : nullptr;
  if (me == nullptr) {  // arrived late: nobody waits any more
    outstanding.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  const auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
  static_assert(sizeof me->registers == sizeof machine.gregs);
  std::memcpy(me->registers, machine.gregs, sizeof me->registers);
  me->sp = static_cast<std::uint64_t>(machine.gregs[REG_RSP]);
  me->stack_top = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  me->gs_base = sys::gs_base();
  me->vectors = vectors_of(*static_cast<ucontext_t*>(context), freeze_work.libc);  // in this handler's frame
  standing.fetch_add(1, std::memory_order_acq_rel);
  __atomic_store_n(&me->answered, 1, __ATOMIC_RELEASE);
  acknowledged.fetch_add(1, std::memory_order_release);
  futex(acknowledged, FUTEX_WAKE, 1, nullptr);
  while (round.load(std::memory_order_acquire) == now) futex(round, FUTEX_WAIT, now, nullptr);
  const bool stays = process_ends.load(std::memory_order_acquire) && slept(machine);
  if (stays) park(*me);
  standing.fetch_sub(1, std::memory_order_acq_rel);
  if (stays) stay_parked();
}

bool holds(std::uint64_t mask, int signal_number) noexcept {
  const unsigned bit = static_cast<unsigned>(signal_number) - 1;
  return bit < 64 && (mask >> bit & 1) != 0;
}

bool is_free(int signal_number) noexcept {
  struct sigaction now {};
  return signal_number != static_cast<int>(options.report_signal) &&
         libc::next.sigaction(signal_number, nullptr, &now) == 0 && now.sa_handler == SIG_DFL;
}

// A real-time signal that the program leaves alone, from the highest down. False when there is none.
bool take_signal() noexcept {
  if (freeze_signal != 0) return true;  // of the last freeze, because of threads that are late
  if (libc::next.sigaction == nullptr) return false;
  std::uint64_t pending = 0;
  sys::call(SYS_rt_sigpending, sys::as_word(&pending), 8);
  for (int n = SIGRTMAX; n >= SIGRTMIN && freeze_signal == 0; --n) {
    if (!holds(pending, n) && is_free(n)) freeze_signal = n;
  }
  if (freeze_signal == 0) return false;
  struct sigaction action {};
  action.sa_sigaction = stand_still;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  if (libc::next.sigaction(freeze_signal, &action, &action_before) == 0) return true;
  freeze_signal = 0;
  return false;
}

void give_signal_back() noexcept {
  if (freeze_signal == 0 || outstanding.load(std::memory_order_relaxed) != 0) return;
  struct sigaction now {};
  // Unless the program has taken it meanwhile.
  if (libc::next.sigaction(freeze_signal, nullptr, &now) == 0 && now.sa_sigaction == stand_still) {
    libc::next.sigaction(freeze_signal, &action_before, nullptr);
  }
  freeze_signal = 0;
}

void ask(void* of, FrozenThread& t) noexcept {
  const auto& work = *static_cast<const FreezeWork*>(of);
  if (const FrozenThread* as = find_parked(t.tid); as != nullptr) {
    t = *as;
    return;
  }
  const TaskStatus status = read_task_status(work.directory, t.tid);
  if (status.is_gone()) {
    t.gone = 1;
  } else if (!holds(status.blocked, freeze_signal)) {
    t.asked = 1;
    if (sys::call(SYS_tgkill, work.process, t.tid, freeze_signal) != 0) t.gone = 1;
  }
}

bool is_awaited(const FrozenThread& t) noexcept {
  return __atomic_load_n(&t.answered, __ATOMIC_ACQUIRE) == 0 && t.gone == 0 && t.asked != 0;
}

std::uint32_t count_awaited() noexcept {
  std::uint32_t n = 0;
  for (const FrozenThread& t : freeze_table) n += is_awaited(t) ? 1 : 0;
  return n;
}

// Waits until all that were asked have answered, are known not to, or the time is over.
void await_answers(const FreezeWork& work) noexcept {
  constexpr std::uint64_t kPatience = 2'000'000;
  std::uint64_t look_at = sys::now_ns() + kPatience;
  std::uint32_t blocked = 0;
  for (;;) {
    const std::uint32_t seen = acknowledged.load(std::memory_order_acquire);
    if (count_awaited() <= blocked) return;
    const std::uint64_t now = sys::now_ns();
    if (now >= work.deadline) return;
    if (now >= look_at) {
      blocked = 0;
      for (FrozenThread& t : freeze_table) {
        if (!is_awaited(t)) continue;
        const TaskStatus status = read_task_status(work.directory, t.tid);
        if (status.is_gone()) t.gone = 1;
        // Not only blocked: that it is in the handler, too.
        if (holds(status.blocked & status.pending, freeze_signal)) ++blocked;
      }
      look_at = now + 10 * kPatience;
      continue;
    }
    const struct timespec pause = {0, 1'000'000};
    futex(acknowledged, FUTEX_WAIT, seen, &pause);
  }
}

// A thread may block all signals for a moment only: glibc does while it makes one, and around its own locks. It is
// asked once it takes the signal again.
void ask_again(const FreezeWork& work) noexcept {
  constexpr int kRounds = 10;
  const struct timespec pause = {0, 2'000'000};
  for (int i = 0; i < kRounds && sys::now_ns() < work.deadline; ++i) {
    std::uint32_t blocking = 0;
    for (FrozenThread& t : freeze_table) {
      if (t.answered != 0 || t.gone != 0 || t.asked != 0) continue;
      ask(const_cast<FreezeWork*>(&work), t);
      blocking += t.gone == 0 && t.asked == 0 ? 1 : 0;
    }
    await_answers(work);
    if (blocking == 0) return;
    sys::call(SYS_nanosleep, sys::as_word(&pause));
  }
}

}  // namespace

void freeze_by_signal(const FreezeWork& work) noexcept {
  acknowledged.store(0, std::memory_order_relaxed);
  process_ends.store(work.end == FreezeEnd::kProcessEnds, std::memory_order_release);
  round.fetch_add(1, std::memory_order_acq_rel);  // odd
  const bool taken = take_signal();
  const auto visit = [](void* of, FrozenThread& t) {
    if (freeze_signal != 0) ask(of, t);
  };
  // A thread that was still running may have made another before it answered.
  while (add_new_threads(work, visit, const_cast<FreezeWork*>(&work)) != 0 && taken) await_answers(work);
  if (taken) ask_again(work);
  outstanding.fetch_add(count_awaited(), std::memory_order_relaxed);
}

void release_by_signal() noexcept {
  round.fetch_add(1, std::memory_order_acq_rel);
  futex(round, FUTEX_WAKE, 0x7fffffff, nullptr);
  // The next freeze reuses the table: wait until nobody stands in it.
  for (int i = 0; i < 1000 && standing.load(std::memory_order_acquire) != 0; ++i) sys::call(SYS_sched_yield);
  give_signal_back();
}

void let_sleepers_go() noexcept {
  sleepers_go.store(1, std::memory_order_release);
  futex(sleepers_go, FUTEX_WAKE, 0x7fffffff, nullptr);
}

void forget_freeze_signal() noexcept {
  parked_count.store(0, std::memory_order_relaxed);
  for (FrozenThread& t : parked) t.tid = 0;
  if ((round.load(std::memory_order_relaxed) & 1) != 0) round.fetch_add(1, std::memory_order_relaxed);
  standing.store(0, std::memory_order_relaxed);
  outstanding.store(0, std::memory_order_relaxed);
}

}  // namespace weir
