// Signals: raised, nested, on the alternate stack, from a timer at any instruction, and from the processor's
// trap flag at each instruction.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdlib>

#include "stress.hpp"

asm(R"(
  .text
  .globl stress_trap_on
  .type stress_trap_on, @function
stress_trap_on:
  .cfi_startproc
  pushfq
  .cfi_adjust_cfa_offset 8
  orq $0x100, (%rsp)
  popfq
  .cfi_adjust_cfa_offset -8
  ret
  .cfi_endproc
  .size stress_trap_on, . - stress_trap_on
)");

namespace stress {
namespace {

constexpr std::size_t kAlternateStack = 256 * 1024;
constexpr long long kTrapFlag = 0x100;

thread_local timer_t timers[2];
thread_local bool timers_run = false;
thread_local volatile sig_atomic_t timer_due[2];

int timer_signal(bool alternate) {
  return SIGRTMIN + (alternate ? 1 : 0);
}

// A handler's view of the worker: no steps, no yields, the room of the stack that it runs on.
class Handling {
 public:
  Handling() : stack_low_(worker.stack_low) {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    if (here >= worker.alternate_low && here < worker.alternate_high) worker.stack_low = worker.alternate_low;
    worker.in_handler = worker.in_handler + 1;
    ++worker.fixed;
  }
  ~Handling() {
    --worker.fixed;
    worker.in_handler = worker.in_handler - 1;
    worker.stack_low = stack_low_;
  }
  Handling(const Handling&) = delete;
  Handling& operator=(const Handling&) = delete;

 private:
  std::uintptr_t stack_low_;
};

void on_raised(int number) {
  if (worker.hold != 0) return;
  const Handling handling;
  count(tally.handled);
  allocate();
  if (!has_room(100 * 1024)) return;
  const std::uint32_t pick = random_below(8);
  if (pick == 0) {
    raise(number == SIGUSR1 ? SIGUSR2 : SIGUSR1);
    allocate();
  } else if (pick < 4) {
    go(2);
  }
  touch(&handling);
}

void on_timer(int number, siginfo_t*, void*) {
  timer_due[number == timer_signal(true)] = 1;
  if (worker.hold != 0) return;
  const Handling handling;
  count(tally.handled);
  allocate_nested(static_cast<int>(random_below(3)));
  touch(&handling);
}

// An instruction that is none, of two bytes.
void on_trap(int, siginfo_t*, void* context) {
  {
    const Handling handling;
    count(tally.handled);
    allocate();
    touch(&handling);
  }
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP] += 2;
}

void on_step(int, siginfo_t*, void* context) {
  count(tally.trapped);
  auto& flags = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
  worker.steps_left = worker.steps_left - 1;
  if (worker.steps_left < 0) worker.stepping = 0;
  if (worker.stepping == 0 || worker.hold != 0) {
    flags &= ~kTrapFlag;  // the end of the Hold sets it again
    return;
  }
  const Handling handling;
  count(tally.handled);
  count(tally.stepped);
  allocate_nested(static_cast<int>(random_below(2)));
  touch(&handling);
}

void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags | SA_RESTART;
  sigaction(number, &action, nullptr);
}

void handle(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = flags | SA_RESTART | SA_SIGINFO;
  sigaction(number, &action, nullptr);
}

void start_timers() {
  for (int i = 0; i < 2; ++i) {
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = timer_signal(i != 0);
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    if (timer_create(CLOCK_MONOTONIC, &event, &timers[i]) != 0) std::abort();
    timer_due[i] = 1;
  }
}

}  // namespace

void install_handlers() {
  handle(SIGUSR1, on_raised, 0);
  handle(SIGUSR2, on_raised, SA_ONSTACK | SA_NODEFER);
  handle(timer_signal(false), on_timer, 0);
  handle(timer_signal(true), on_timer, SA_ONSTACK);
  handle(SIGTRAP, on_step, 0);
  handle(SIGILL, on_trap, SA_ONSTACK);
}

void start_worker(std::uint64_t seed, long budget, std::uintptr_t stack_low, bool brief) {
  worker.hold = 1;
  worker.random_state = seed * 0x9e3779b97f4a7c15u + 0x1234567;
  worker.budget = budget;
  worker.stack_low = stack_low;
  worker.brief = brief;
  void* p = mmap(nullptr, kAlternateStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) std::abort();
  worker.alternate_low = reinterpret_cast<std::uintptr_t>(p);
  worker.alternate_high = worker.alternate_low + kAlternateStack;
  stack_t stack{};
  stack.ss_sp = p;
  stack.ss_size = kAlternateStack;
  sigaltstack(&stack, nullptr);
  timers_run = options.timer_ns > 0;
  if (timers_run) start_timers();
  worker.hold = 0;
}

// Not periodic: where a stack takes longer to walk than a period, nothing but handlers would run.
void set_timers() {
  for (int i = 0; i < 2 && timers_run; ++i) {
    if (timer_due[i] == 0) continue;
    timer_due[i] = 0;
    itimerspec when{};
    when.it_value.tv_nsec = 1 + random_below(static_cast<std::uint32_t>(options.timer_ns));
    timer_settime(timers[i], 0, &when, nullptr);
  }
}

void end_worker() {
  worker.hold = worker.hold + 1;
  for (int i = 0; i < 2 && timers_run; ++i) timer_delete(timers[i]);
  stack_t stack{};
  stack.ss_flags = SS_DISABLE;
  sigaltstack(&stack, nullptr);
  munmap(reinterpret_cast<void*>(worker.alternate_low), kAlternateStack);
}

STRESS_NOINLINE void raising(int depth) {
  raise(SIGUSR1);
  allocate();
  go(depth - 1);
}

STRESS_NOINLINE void raising_on_alternate_stack(int depth) {
  raise(SIGUSR2);
  allocate();
  go(depth - 1);
}

STRESS_NOINLINE void each_instruction(int depth) {
  if (worker.in_handler != 0 || worker.stepping != 0 || worker.hold != 0) {
    allocate();
    return;
  }
  worker.steps_left = 1500;
  worker.stepping = 1;
  stress_trap_on();
  go(depth < 5 ? depth : 5);
  worker.stepping = 0;
}

}  // namespace stress
