#include "shim/leak/leak_check.hpp"

#include <sys/auxv.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/leak/findings_writer.hpp"
#include "shim/leak/freeze.hpp"
#include "shim/leak/reachability.hpp"
#include "shim/leak/report_signal.hpp"
#include "shim/leak/reporter.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/process.hpp"
#include "shim/life/thread_stacks.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/track/heap_totals.hpp"
#include "shim/track/thread_section.hpp"
#include "shim/unwind/libunwind.hpp"
#include "shim/unwind/modules.hpp"

extern "C" void* __libc_stack_end;
extern "C" char __libc_single_threaded;  // false when there was ever a second thread

namespace weir {
namespace {

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

// None where there is no memory: there will be no check then.
SignalStacks find_signal_stacks() noexcept {
  const std::uint32_t states = thread_state_count();
  auto* const found =
      states != 0 ? static_cast<StackRange*>(table_zone.map(states * sizeof(StackRange))) : nullptr;
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; found != nullptr && i < states; ++i) {
    const ThreadState& t = thread_state(i);
    if (t.in_use && t.signal_stack != 0) found[count++] = {t.signal_stack, t.signal_stack_end};
  }
  std::sort(found, found + count, [](const StackRange& a, const StackRange& b) { return a.start < b.start; });
  return {found, count};
}

// What is live of the thread that ends the process: the frames of the program. Those of libc and weir above them have room
// that they did not write, and what lies there is of earlier calls; when main has returned they are all that there is.
CheckingThread thread_that_ends(const Here& here, CallingFrame& frame, bool may_walk) noexcept {
  const auto control = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  CheckingThread self{here.sp, control, here.registers, 6};
  if (!may_walk) return self;
  const bool is_main = sys::gettid() == sys::getpid();
  const unsigned libc = modules.find(reinterpret_cast<std::uint64_t>(libc::next.exit_now), false).module;
  const unsigned own = modules.find(reinterpret_cast<std::uint64_t>(&thread_that_ends), false).module;
  if (!find_frame_beyond(own, libc, frame)) return self;
  // A coroutine that makecontext made begins in libc, and may lie in the middle of the stack. (In a fork's child so does
  // the stack of the thread that forked.)
  self.on_own_stack = !is_main || frame.outermost_module != libc || stack_of_thread(control).end != 0;
  if (frame.ip == 0 || !self.on_own_stack) return self;
  const auto main_end = reinterpret_cast<std::uint64_t>(__libc_stack_end);
  constexpr std::uint64_t kStartBytes = 64;  // _start's
  if (is_main && frame.ip - getauxval(AT_ENTRY) < kStartBytes && here.sp < main_end)
    return {main_end, control, nullptr, 0};
  return {frame.sp, control, frame.registers, 6};
}

bool check_once(const Here& here) noexcept {
  // Where a signal handler ends the process in the middle of a walk, another one would wait for its locks.
  const bool may_walk = this_thread == nullptr || !this_thread->busy;
  if (this_thread != nullptr) this_thread->busy = false;
  if (!wait_for_freeze()) return false;
  const bool asked = options.leak_check_at_exit || report_is_asked_for();
  if (!asked) return false;
  CallingFrame frame{};
  const CheckingThread self =
      thread_that_ends(here, frame, may_walk);  // first: a walk may wait for other threads
  const std::uint64_t start = sys::now_ns();
  const FrozenThreads others = freeze_threads(options.freeze_timeout_ms, FreezeEnd::kProcessEnds);
  const auto release = [](const FrozenThreads& threads) noexcept {
    release_threads();
    name_silent_threads(threads);
    report_signal::await_checks();  // the last report is that of the end
  };
  const bool leaks = check({options.leak_check_at_exit ? CheckReason::kExit : CheckReason::kSignal, self,
                            others, nullptr, start, 0, release});
  return leaks && options.leak_check_at_exit;
}

}  // namespace

bool check(const CheckRequest& of) noexcept {
  const std::uint64_t start = sys::now_ns();
  const LiftedLimits lifted;
  share_tables_when_short();
  FindingsHeader header = begin_header(of.reason, of.others);
  if (options.verbosity >= 2) say_what_stacks_cost(header);
  LiveBlocks blocks;
  ProgramMemory memory(of.parent, of.others.silent == 0);
  Reachability reachability(blocks, memory, find_signal_stacks());
  header.obstacle = classify(blocks, memory, reachability, of.self, of.others);
  header.check_ns = sys::now_ns() - start;
  header.pause_ns = of.pause_ns != 0 ? of.pause_ns : sys::now_ns() - of.stopped_at;
  LiveBlocks none;
  Findings findings =
      write_findings(header.obstacle == CheckObstacle::kNone ? blocks : none, reachability, header);
  if (of.release != nullptr) of.release(of.others);
  if (findings.header == nullptr) {
    say_not_checked(CheckObstacle::kMemory);
    return false;
  }
  return worth_reporting(*findings.header) && report_and_wait(findings);
}

bool check_at_exit(const Here& here) noexcept {
  const bool may_be_asked = options.leak_check_at_exit || options.report_signal != 0;
  if (!may_be_asked) return false;
  const bool leaks = check_once(here);
  report_signal::await_checks();
  let_sleepers_go();
  return leaks;
}

}  // namespace weir
