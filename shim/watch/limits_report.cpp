#include "shim/watch/limits_report.hpp"
#include "shim/abi/incident_words.hpp"

#include <sched.h>
#include <stdlib.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"
#include "shim/leak/freeze.hpp"
#include "shim/leak/reporter.hpp"
#include "shim/life/mode.hpp"
#include "shim/life/output_file.hpp"
#include "shim/life/own_children.hpp"
#include "shim/life/process.hpp"
#include "shim/life/start_tool.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/route/site_names.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/watch/limits_holders.hpp"

namespace weir::limits {
namespace {

constinit std::atomic<bool> reporting{false};

void put_place(Line& line, std::uint64_t ip) noexcept {
  const CodePlace place = modules.find(ip - 1, true);
  line.text(" in ");
  if (place.module == 0) {
    line.hex(ip);
    return;
  }
  const std::string_view path = path_of_module(place.module);
  line.text(path.substr(path.rfind('/') + 1)).text("+").hex(ip - modules[place.module].bias);
}

void put_excess(Line& line, const Excess& excess, std::string_view outcome) noexcept {
  line.text("limit '").text(excess.rule.text).text("': ");
  line.text(kHeapCallWords[static_cast<unsigned>(excess.call)])
      .text(" of ")
      .number(excess.bytes)
      .text(" byte(s)");
  put_place(line, excess.site.ip);
  line.text(outcome);
  if (excess.rule.kind == LimitKind::kRequest) return;
  line.text(" with ").number(excess.now);
  line.text(excess.rule.kind == LimitKind::kLive ? " byte(s) live" : " byte(s) resident");
}

// Without the tool, or without headers to find blocks by: what can be said in a line.
void say_bare(const Excess& excess, std::string_view why) noexcept {
  bool opened;
  const int fd = open_output(options.log_path, "log_path", false, &opened);
  Line line;
  line.text("==").number(static_cast<std::uint64_t>(this_process()));
  line.text(excess.rule.action == LimitAction::kAbort ? "==ERROR: weir: " : "==WARNING: weir: ");
  put_excess(line, excess, "");
  line.text(why).say_to(fd);
  if (opened) sys::close(fd);
}

// In the child: the heap stands still.
void report_frozen(const Excess& excess, StackId stack) noexcept {
  const FindingsHeader* header = write_holders(excess, stack);
  if (header != nullptr) {
    const int status = start_tool("limit-report", header, header->file_bytes);
    if (status == kReportNothing || status == kReportLeaks) return;
  }
  say_bare(excess, header == nullptr ? " (no memory left for the report)"
                                     : " (no tool was found or could be started: option tool=PATH)");
}

// Nested calls out of signal handlers, and threads that are ending, have none.
StackId stack_of(const CallSite& site) noexcept {
  ThreadState* t = make_thread_state();
  if (t == nullptr || t->busy) return kNoStack;
  t->busy = true;
  const StackId stack = t->memo.stack_of(site);
  t->busy = false;
  return stack;
}

void report(const Excess& excess) noexcept {
  if (!tracks_blocks()) {
    return say_bare(excess, " (mode=leak and mode=guard also say who holds how much)");
  }
  const int saved = errno;
  const StackId stack = stack_of(excess.site);
  if (!take_freeze()) return say_bare(excess, " (a check was at it already)");
  freeze_threads(options.freeze_timeout_ms);
  // No exit signal, so the program's waits do not see it.
  pid_t* const known = own_children::place();
  const long child = sys::call(SYS_clone, known != nullptr ? CLONE_PARENT_SETTID : 0, 0, sys::as_word(known));
  if (child == 0) {
    own_children::forget();
    report_frozen(excess, stack);
    sys::exit_group(0);
  }
  release_threads();
  give_freeze();
  if (child > 0) {
    own_children::wait(static_cast<pid_t>(child), nullptr, 0);
  } else {
    own_children::drop(known);
  }
  if (child < 0) say_bare(excess, " (no report: fork failed)");
  errno = saved;
}

}  // namespace

void say_refusal(const Excess& excess) noexcept {
  Line line;
  line.text("weir: ");
  put_excess(line, excess, " failed");
  line.text("; later failures are counted").say();
}

bool is_new_place(unsigned limit, std::uint64_t ip) noexcept {
  constexpr unsigned kMost = 256;
  static constinit std::atomic<std::uint64_t> places[kMost];
  const std::uint64_t key = ip << 4 | limit;
  for (std::atomic<std::uint64_t>& place : places) {
    std::uint64_t found = place.load(std::memory_order_relaxed);
    if (found == 0 && place.compare_exchange_strong(found, key, std::memory_order_relaxed)) return true;
    if (found == key) return false;
  }
  return false;
}

void report_excess(const Excess& excess) noexcept {
  if (reporting.exchange(true, std::memory_order_acquire)) return;
  report(excess);
  reporting.store(false, std::memory_order_release);
}

void report_and_abort(const Excess& excess) noexcept {
  // Another thread's report comes to its end first.
  while (reporting.exchange(true, std::memory_order_acquire)) sys::call(SYS_sched_yield);
  report(excess);
  abort();
}

}  // namespace weir::limits
