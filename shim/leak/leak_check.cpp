#include "shim/leak/leak_check.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/guard/heap_check.hpp"
#include "shim/guard/report_stack.hpp"
#include "shim/leak/findings_writer.hpp"
#include "shim/leak/freeze.hpp"
#include "shim/leak/reachability.hpp"
#include "shim/leak/reporter.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/mode.hpp"
#include "shim/life/own_children.hpp"
#include "shim/life/process.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/track/heap_totals.hpp"
#include "shim/track/thread_section.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/stack_depot.hpp"

extern "C" void* __libc_stack_end;
extern "C" char __libc_single_threaded;  // false when there was ever a second thread

namespace weir {
namespace {

constinit std::atomic<bool> checked_at_exit{false};

// The sums of all threads as they stand now. Threads stand still or are this one.
void fill_totals(FindingsHeader& h) noexcept {
  HeapCounts all;
  std::uint64_t threads = 0;
  std::int64_t highest = 0;
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    const ThreadState& t = thread_state(i);
    if (!t.in_use) continue;
    ++threads;
    all.allocations += t.counts.allocations;
    all.frees += t.counts.frees;
    all.live_bytes += t.counts.live_bytes;
    highest += t.counts.peak_bytes;
  }
  const std::int64_t base = heap_totals.live_bytes.load(std::memory_order_relaxed);
  const std::int64_t before = heap_totals.peak_bytes.load(std::memory_order_relaxed);
  const std::int64_t peak = base + highest > before ? base + highest : before;
  h.allocations = heap_totals.allocations.load(std::memory_order_relaxed) + all.allocations;
  h.frees = heap_totals.frees.load(std::memory_order_relaxed) + all.frees;
  h.peak_bytes = static_cast<std::uint64_t>(peak);
  h.peak_error_bytes = threads > 1 ? threads * static_cast<std::uint64_t>(kFlushBytes) : 0;
  h.foreign_frees = heap_totals.foreign_frees.load(std::memory_order_relaxed);
  h.bad_frees = heap_totals.bad_frees.load(std::memory_order_relaxed);
  h.untracked_stacks = stack_depot.overflows();
  h.uncleared_frees = blocks_left_uncleared();
}

// verbosity=2: what the stacks cost, for whoever tunes weir or wonders about it.
void say_what_stacks_cost(const FindingsHeader& h) noexcept {
  StackMemo::Counters all{};
  for (std::uint32_t i = thread_state_count(); i-- != 0;) {
    const StackMemo::Counters& c = thread_state(i).memo.counters();
    all.walks += c.walks;
    all.frames_walked += c.frames_walked;
    all.full_walks += c.full_walks;
    all.libunwind_walks += c.libunwind_walks;
  }
  Line()
      .text("weir: ")
      .number(h.allocations)
      .text(" allocations, ")
      .number(all.walks)
      .text(" walks of ")
      .number(all.frames_walked)
      .text(" frames (")
      .number(all.full_walks)
      .text(" from scratch, ")
      .number(all.libunwind_walks)
      .text(" by libunwind), ")
      .number(stack_depot.stacks())
      .text(" stacks in ")
      .number(stack_depot.bytes())
      .text(" bytes")
      .say();
}

FindingsHeader begin_header(CheckReason reason, const FrozenThreads& others) noexcept {
  FindingsHeader h{};
  std::memcpy(h.magic, kFindingsMagic, sizeof h.magic);
  h.version = kFindingsVersion;
  h.header_bytes = sizeof h;
  h.pid = static_cast<std::uint32_t>(this_process());
  h.reason = reason;
  h.threads = others.count + 1;
  h.silent_threads = others.silent;
  h.context_size = static_cast<std::uint32_t>(options.malloc_context_size);
  fill_totals(h);
  return h;
}

// Whether there may be threads that nobody knows of.
bool may_have_unseen_threads(const FrozenThreads& others) noexcept {
  if (others.count != 0 || __libc_single_threaded != 0) return false;
  const int directory = sys::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return true;
  sys::close(directory);
  return false;
}

// Enumerates, marks and classes; the heap stands still. What kept it from that, if something did: a part of the truth
// would be false leaks.
CheckObstacle classify(LiveBlocks& blocks, ProgramMemory& memory, Reachability& reachability,
                       const CheckingThread& self, const FrozenThreads& others) noexcept {
  if (may_have_unseen_threads(others)) return CheckObstacle::kThreads;
  if (memory.map().count == 0) return CheckObstacle::kMemoryMap;
  const bool done = blocks.collect(memory.map(), memory.pages()) && reachability.classify(self, others);
  return done ? CheckObstacle::kNone : CheckObstacle::kMemory;
}

bool worth_reporting(const FindingsHeader& h) noexcept {
  const bool leaks = h.totals[0].blocks + h.totals[1].blocks != 0;
  return leaks || h.obstacle != CheckObstacle::kNone || options.show_reachable ||
         options.summary == kSummaryAlways || options.json_path[0] != '\0';
}

// The limits on the program's memory, which leave none for the check, lifted as far as they may be.
class LiftedLimits {
 public:
  LiftedLimits() noexcept {
    for (unsigned i = 0; i < kCount; ++i) {
      changed_[i] = sys::call(SYS_prlimit64, 0, kLimits[i], 0, sys::as_word(&before_[i])) == 0 &&
                    before_[i].rlim_cur != RLIM_INFINITY && lift(kLimits[i], before_[i].rlim_max);
    }
  }
  ~LiftedLimits() {
    for (unsigned i = 0; i < kCount; ++i) {
      if (changed_[i]) sys::call(SYS_prlimit64, 0, kLimits[i], sys::as_word(&before_[i]), 0);
    }
  }
  LiftedLimits(const LiftedLimits&) = delete;
  LiftedLimits& operator=(const LiftedLimits&) = delete;

 private:
  static constexpr unsigned kCount = 2;
  static constexpr int kLimits[kCount] = {RLIMIT_AS, RLIMIT_DATA};

  static bool lift(int limit, rlim_t hard) noexcept {
    const struct rlimit most = {hard, hard};
    return sys::call(SYS_prlimit64, 0, limit, sys::as_word(&most), 0) == 0;
  }

  struct rlimit before_[kCount] {};
  bool changed_[kCount] = {};
};

// Threads stand still; `release` lets them go as soon as the blocks are no longer looked at.
// `parent` in a fork's child.
template <typename F>
bool check(CheckReason reason, const CheckingThread& self, const FrozenThreads& others,
           const ParentMemory* parent, std::uint64_t stopped_at, std::uint64_t pause_ns,
           F&& release) noexcept {
  const std::uint64_t start = sys::now_ns();
  const LiftedLimits lifted;
  share_tables_when_short();
  FindingsHeader header = begin_header(reason, others);
  if (options.verbosity >= 2) say_what_stacks_cost(header);
  LiveBlocks blocks;
  ProgramMemory memory(parent, others.silent == 0);
  Reachability reachability(blocks, memory);
  header.obstacle = classify(blocks, memory, reachability, self, others);
  header.check_ns = sys::now_ns() - start;
  header.pause_ns = pause_ns != 0 ? pause_ns : sys::now_ns() - stopped_at;
  LiveBlocks none;
  Findings findings =
      write_findings(header.obstacle == CheckObstacle::kNone ? blocks : none, reachability, header);
  release();
  if (findings.header == nullptr) {
    say_not_checked(CheckObstacle::kMemory);
    return false;
  }
  return worth_reporting(*findings.header) && report_and_wait(findings);
}

// What a signal handler was given, as the thread that asks.
CheckingThread interrupted_thread(const ucontext_t& context) noexcept {
  return {static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RSP]) - 128,
          reinterpret_cast<std::uint64_t>(__builtin_thread_pointer()),
          reinterpret_cast<const std::uint64_t*>(context.uc_mcontext.gregs), kRegisters};
}

// Whether the program has no frame on this stack any more: main has returned, and libc's own frames lie
// between _start and us. What they have room for and did not write is of main's time.
bool main_has_returned(const CallSite& site) noexcept {
  constexpr std::uint32_t kMost = 64;
  FrameToken frames[kMost];
  bool cut = false;
  const std::uint32_t count = stack_depot.read(stack_for_report(site), frames, kMost, &cut);
  if (count == 0 || count == kMost || cut) return false;
  const unsigned libc = modules.find(reinterpret_cast<std::uint64_t>(libc::next.exit_now), false).module;
  const unsigned own = modules.find(reinterpret_cast<std::uint64_t>(&main_has_returned), false).module;
  for (std::uint32_t i = 0; i + 1 < count; ++i) {
    const auto module = static_cast<unsigned>(frames[i] >> kFrameModuleShift);
    if (module == 0 || (module != libc && module != own)) return false;
  }
  return frames[count - 1] >> kFrameModuleShift != 0;
}

CheckingThread thread_that_ends(const Here& here) noexcept {
  const auto control = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  const auto main_end = reinterpret_cast<std::uint64_t>(__libc_stack_end);
  if (sys::gettid() == sys::getpid() && here.sp < main_end && main_has_returned(here.caller))
    return {main_end, control, nullptr, 0};
  return {here.sp, control, here.registers, 6};
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

// A process that ends may take them with it: a container does, and whoever stops a service.
void await_children() noexcept {
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

// The program stands still for the length of a raw fork; the child looks at its frozen copy of the heap. On a
// stack of weir's own: the signal may have come on one of a few kilobytes.
void check_on_demand(void* of) noexcept {
  pid_t* const place = place_for_child();
  if (place == nullptr) {
    Line().text("weir: no leak check: too many that were asked for before are not done yet").say();
    return;
  }
  const std::uint64_t start = sys::now_ns();
  const FrozenThreads others = freeze_threads(options.freeze_timeout_ms);
  const CheckingThread self = interrupted_thread(*static_cast<const ucontext_t*>(of));
  if (mode() == Mode::kGuard) look_for_damage(IncidentOccasion::kSignal, others.silent != 0);
  const ParentMemory parent = ParentMemory::open();
  // No exit signal, so the program's waits do not see it.
  pid_t* const known = own_children::place();
  const auto child = static_cast<pid_t>(
      sys::call(SYS_clone, known != nullptr ? CLONE_PARENT_SETTID : 0, 0, sys::as_word(known)));
  if (child == 0) {
    own_children::forget();
    check(CheckReason::kSignal, self, others, &parent, start, sys::now_ns() - start, [] {});
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
  call_on_report_stack(check_on_demand, context);
  give_freeze();
  errno = saved;
}

bool check_once(const Here& here) noexcept {
  if (ThreadState* t = this_thread) t->busy = false;
  if (!wait_for_freeze()) return false;
  const bool asked = options.leak_check_at_exit || report_is_asked_for();
  if (!asked) return false;
  const CheckingThread self = thread_that_ends(here);  // first: a walk may wait for other threads
  const std::uint64_t start = sys::now_ns();
  const FrozenThreads others = freeze_threads(options.freeze_timeout_ms, FreezeEnd::kProcessEnds);
  const bool leaks = check(options.leak_check_at_exit ? CheckReason::kExit : CheckReason::kSignal, self,
                           others, nullptr, start, 0, [&others] {
                             release_threads();
                             name_silent_threads(others);
                             await_children();  // the last report is that of the end
                           });
  return leaks && options.leak_check_at_exit;
}

}  // namespace

bool check_at_exit(const Here& here) noexcept {
  if (checked_at_exit.exchange(true)) return false;
  const bool may_be_asked = options.leak_check_at_exit || options.report_signal != 0;
  if (!may_be_asked) return false;
  const bool leaks = check_once(here);
  await_children();
  let_sleepers_go();
  return leaks;
}

void listen_for_report_signal() noexcept {
  if (options.report_signal == 0) return;
  call_on_report_stack([](void*) noexcept {}, nullptr);  // made now: later there may be no memory
  struct sigaction action {};
  action.sa_sigaction = on_report_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  if (sigaction(static_cast<int>(options.report_signal), &action, nullptr) != 0) {
    Line()
        .text("weir: option 'report_signal': signal ")
        .number(options.report_signal)
        .text(" cannot be handled; no check on demand")
        .say();
  }
}

}  // namespace weir
