#include "shim/track/thread_section.hpp"

#include "shim/route/routes.hpp"
#include "shim/track/program_caller.hpp"

#define WEIR_COLD __attribute__((noinline, cold))

namespace weir {

WEIR_COLD ThreadState* enter_slowly() noexcept {
  ThreadState* t = make_thread_state();
  if (t == nullptr || t->busy) return nullptr;
  t->busy = true;
  return t;
}

WEIR_COLD StackId tag_stack(const ThreadState& t, StackId stack, const CallSite& site, std::size_t bytes,
                            std::size_t alignment, CallKind call) noexcept {
  BlockTag tag = t.tags.current;
  if (tag == kTagByRule) tag = tag_for({bytes, alignment, call, program_caller(site.ip)});
  return tag != kNoTag ? stack_depot.tagged(stack, tag, false) : stack;
}

WEIR_COLD StackId stack_for_report(const CallSite& site) noexcept {
  if (ThreadState* t = enter()) {
    const StackId stack = t->memo.stack_of(site);
    leave(t);
    return stack;
  }
  if (this_thread != nullptr) return kNoStack;
  const LateMemo late;
  return late.memo() != nullptr ? late.memo()->stack_of(site) : kNoStack;
}

WEIR_COLD void count_globally(std::uint64_t allocated, std::uint64_t freed, std::uint64_t bytes) noexcept {
  HeapCounts c;
  c.allocations = allocated;
  c.frees = freed;
  c.live_bytes = static_cast<std::int64_t>(allocated * bytes) - static_cast<std::int64_t>(freed * bytes);
  c.peak_bytes = c.live_bytes > 0 ? c.live_bytes : 0;
  add_to_totals(c);
}

WEIR_COLD StackId note_without_state(const CallSite& site, std::uint64_t bytes, Family& family) noexcept {
  if (this_thread != nullptr && this_thread->own_work) {
    family = Family::kOwn;
    return kNoStack;
  }
  count_globally(1, 0, bytes);
  if (this_thread != nullptr) return kNoStack;
  const LateMemo late;
  return late.memo() != nullptr ? late.memo()->stack_of(site) : kNoStack;
}

}  // namespace weir
