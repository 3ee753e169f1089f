#include "shim/life/process.hpp"

#include <stdlib.h>
#include <time.h>

#include <atomic>

#include "shim/base/module_symbol.hpp"
#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/entry/entry.hpp"
#include "shim/entry/replaced_operators.hpp"
#include "shim/guard/guarded_heap.hpp"
#include "shim/guard/incident.hpp"
#include "shim/guard/page_zone.hpp"
#include "shim/leak/freeze.hpp"
#include "shim/leak/leak_check.hpp"
#include "shim/leak/report_signal.hpp"
#include "shim/leak/reporter.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/mode.hpp"
#include "shim/life/own_children.hpp"
#include "shim/life/sandbox.hpp"
#include "shim/life/thread_stacks.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/parent/fork_order.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/route/route_life.hpp"
#include "shim/route/routes.hpp"
#include "shim/track/heap_totals.hpp"
#include "shim/track/tags.hpp"
#include "shim/unwind/libunwind.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/rule_cache.hpp"
#include "shim/unwind/stack_depot.hpp"
#include "shim/watch/watch.hpp"

extern "C" int __cxa_at_quick_exit(void (*function)(void*), void* dso);

namespace weir {
namespace {

constinit pid_t process_id = 0;

// The thread that ends the process, or 0; and whether all is done that weir does then.
constinit std::atomic<pid_t> ending_thread{0};
constinit std::atomic<bool> has_finished{false};
constinit int quick_exit_status = 0;

// Where the process is alone nobody else holds a lock, and those that this thread holds are the interrupted code's
// (parent/fork_order).
void before_fork(bool alone) noexcept {
  if (!alone) {
    lock_watch_for_fork();
    lock_thread_states();
    modules.lock_for_fork();
    rule_cache.lock_for_fork();
    stack_depot.lock_for_fork();
    lock_tags_for_fork();
    if (mode() == Mode::kGuard) guarded::lock_for_fork();
  }
  lock_routes_for_fork();
}

void unlock_tracking(bool alone) noexcept {
  if (alone) return;
  if (mode() == Mode::kGuard) guarded::unlock_after_fork();
  unlock_tags_after_fork();
  stack_depot.unlock_after_fork();
  rule_cache.unlock_after_fork();
  modules.unlock_after_fork();
  unlock_thread_states();
  unlock_watch_after_fork();
}

void after_fork_in_parent(bool alone) noexcept {
  unlock_routes_after_fork();
  unlock_tracking(alone);
}

void after_fork_in_child(bool alone) noexcept {
  process_id = sys::getpid();
  ending_thread.store(0);
  has_finished.store(false);
  ++process_generation;
  become_child();
  forget_freeze();
  own_children::forget();
  forget_reports_of_others();
  forget_call_site_questions();
  forget_other_threads();
  adopt_routes_in_child();
  unlock_tracking(alone);
  if (mode() == Mode::kGuard) guarded::adopt_in_child();
  adopt_watch_in_child();
  if (ThreadState* t = this_thread) add_to_totals(t->counts);
  heap_totals.allocations.store(0, std::memory_order_relaxed);
  heap_totals.frees.store(0, std::memory_order_relaxed);
  heap_totals.peak_bytes.store(heap_totals.live_bytes.load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
}

// mode=pass with routes.
void before_fork_of_routes(bool alone) noexcept {
  if (!alone) lock_call_sites_for_fork();
  lock_routes_for_fork();
}
void after_fork_in_parent_of_routes(bool alone) noexcept {
  unlock_routes_after_fork();
  if (!alone) unlock_call_sites_after_fork();
}
void after_fork_in_child_of_routes(bool alone) noexcept {
  process_id = sys::getpid();
  ending_thread.store(0);
  has_finished.store(false);
  adopt_routes_in_child();
  if (!alone) unlock_call_sites_after_fork();
  forget_call_site_questions();
}

// Another thread ends the process, and would have done so long ago but for weir: going on now would take its report away,
// and its status. When it is through with that it is given a second.
void await_other_end() noexcept {
  const pid_t other = ending_thread.load();
  if (other == 0 || other == sys::gettid()) return;
  constexpr unsigned kAfterwards = 200;
  constexpr unsigned kLongest = 12'000;  // a minute: it may hang where this one is meant to help
  const struct timespec moment = {0, 5'000'000};
  for (unsigned waited = 0, after = 0; waited < kLongest && after < kAfterwards; ++waited) {
    if (has_finished.load()) ++after;
    sys::call(SYS_nanosleep, sys::as_word(&moment));
  }
}

// The last of the functions that exit() calls. Ending with another status means calling exit again: glibc
// goes on where it was, which is the flushing of stdio.
// Another thread that calls exit meanwhile finds no function left that would hold it up, but these.
void at_exit(int status, void*) noexcept {
  constexpr int kOthers = 4;
  for (int i = 0; i < kOthers; ++i) on_exit([](int, void*) noexcept { await_other_end(); }, nullptr);
  const int final_status = finish(status);
  if (final_status != status) ::exit(final_status);
}

void at_quick_exit(void*) noexcept {
  const int final_status = finish(quick_exit_status);
  if (final_status != quick_exit_status) libc::next.exit_now(final_status);
}

void say_hello() noexcept {
  if (options.verbosity == 0) return;
  Line line;
  line.text("weir: in process ").number(static_cast<std::uint64_t>(process_id)).text(", mode=");
  line.text(mode() == Mode::kGuard ? "guard" : mode() == Mode::kLeak ? "leak" : "pass");
  if (route_rules.count != 0) line.text(", ").number(route_rules.count).text(" routes");
  line.say();
}

// A malloc in front of ours, the program's or that of a library preloaded before weir, which does not lead to ours: what
// it gives is not seen. Asked once, for a byte.
void say_who_has_malloc() noexcept {
  const auto allocate = reinterpret_cast<void* (*)(std::size_t)>(libc::look_up(RTLD_DEFAULT, "malloc"));
  const auto release = reinterpret_cast<void (*)(void*)>(libc::look_up(RTLD_DEFAULT, "free"));
  const link_map* const module = module_of(reinterpret_cast<const void*>(allocate));
  if (module == nullptr || release == nullptr || module == module_of(&process_id)) return;
  void* const block = allocate(1);
  if (block == nullptr) return;
  const bool is_ours = heap_zone.holds(block) || pages::holds(block);
  release(block);
  if (is_ours) return;
  const char* const name = module->l_name[0] != '\0' ? module->l_name : "the program itself";
  Line()
      .text("weir: malloc is that of ")
      .text(name)
      .text(", which comes before weir's: its blocks are not seen")
      .say();
}

// mode=pass with routes: no stacks, no check.
void construct_for_routes() noexcept {
  parent::set_fork_hooks(
      {before_fork_of_routes, after_fork_in_parent_of_routes, after_fork_in_child_of_routes});
  watch_thread_exits();
  read_call_site_names();
  if (!options.stats) return;
  on_exit(at_exit, nullptr);
  __cxa_at_quick_exit(at_quick_exit, nullptr);
}

// 101: the first that a library may ask for, so that what is registered here is registered first and runs
// last: after the program's atexit functions, and after _dl_fini has run every static destructor.
__attribute__((constructor(101))) void construct() noexcept {
  start();
  process_id = sys::getpid();
  learn_thread_stacks();
  libc::find();
  if (stands_aside()) return;
  find_replaced_operators();
  // Registers jemalloc's fork handlers, if no allocation has yet.
  parent::deallocate(parent::allocate(1));
  say_hello();
  if (mode() == Mode::kPass && !is_watched()) return;
  say_who_has_malloc();
  if (mode() == Mode::kRoute && !is_watched()) return construct_for_routes();
  if (mode() == Mode::kGuard) guarded::begin();
  const OwnWork own_work;
  parent::set_fork_hooks({before_fork, after_fork_in_parent, after_fork_in_child});
  watch_thread_exits();
  read_call_site_names();
  load_libunwind();
  if (mode() >= Mode::kLeak) {
    prepare_reporter();
    report_signal::listen();
  }
  on_exit(at_exit, nullptr);
  __cxa_at_quick_exit(at_quick_exit, nullptr);
  begin_watch();
}

}  // namespace

pid_t this_process() noexcept {
  return process_id;
}
bool is_this_process() noexcept {
  constexpr pid_t kRefused =
      -1;  // by a filter (see sys::call): who sets one is no fork's child without our knowing
  const pid_t now = sys::getpid();
  return now == process_id || now == kRefused;
}

int finish_once(int status, const Here& here) noexcept {
  end_watch();
  report_routes();
  if (!tracks_blocks()) return status;
  if (mode() == Mode::kGuard) guarded::finish();
  if (mode() == Mode::kGuard && options.stacks == kStacksNone) return status;  // leaks of unknown origin
  const bool leaks = check_at_exit(here);
  return leaks && options.exitcode != 0 && !sandbox::was_in_the_way() ? static_cast<int>(options.exitcode)
                                                                      : status;
}

__attribute__((noinline)) int finish(int status) noexcept {
  WEIR_HERE(here);
  if ((mode() == Mode::kPass && !is_watched()) || !is_this_process()) return status;
  pid_t nobody = 0;
  if (!ending_thread.compare_exchange_strong(nobody, sys::gettid())) {
    await_other_end();
    return status;
  }
  const int final_status = finish_once(status, here);
  has_finished.store(true);
  return final_status;
}

}  // namespace weir

using namespace weir;

WEIR_EXPORT __attribute__((noreturn)) void _exit(int status) {
  const int final_status = finish(status);
  if (libc::next.exit_now != nullptr) libc::next.exit_now(final_status);
  sys::exit_group(final_status);
}

WEIR_EXPORT __attribute__((noreturn)) void _Exit(int status) {
  _exit(status);
}

WEIR_EXPORT __attribute__((noreturn)) void quick_exit(int status) {
  quick_exit_status = status;
  if (libc::next.quick_exit == nullptr) libc::find();
  libc::next.quick_exit(status);
  __builtin_unreachable();
}
