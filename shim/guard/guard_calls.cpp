#include "shim/guard/guard_calls.hpp"

#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/zones.hpp"
#include "shim/entry/replaced_operators.hpp"
#include "shim/guard/bad_pointer.hpp"
#include "shim/guard/block_ending.hpp"
#include "shim/guard/damage.hpp"
#include "shim/guard/guard_clock.hpp"
#include "shim/guard/heap_check.hpp"
#include "shim/guard/incident.hpp"
#include "shim/guard/page_heap.hpp"
#include "shim/guard/private_operator.hpp"
#include "shim/life/libc.hpp"
#include "shim/track/thread_section.hpp"

#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::guarded {

constinit bool keeps_alloc_stacks = true;
constinit bool keeps_free_stacks = true;

WEIR_COLD void tick(ThreadState* t) noexcept {
  GuardThread& g = t->guard;
  const std::uint32_t now = ticks_now();
  g.ticks = now;
  const std::uint64_t every = options.check_every;
  std::uint32_t step = every != 0 && every < kCallsATick ? static_cast<std::uint32_t>(every) : kCallsATick;
  if (options.check_period_ms != 0) step = 1;
  g.calls_left = step;
  if (every != 0 && (g.calls += step) >= every) {
    g.calls = 0;
    check_heap(IncidentOccasion::kPeriodic);
  }
  if (options.check_period_ms != 0) check_heap_when_due();
}

WEIR_COLD void report_odd(const OddRequest& request, const CallSite& site) noexcept {
  Incident incident;
  incident.facts.kind = request.kind;
  incident.facts.call = request.call;
  incident.facts.given_size = request.bytes;
  incident.facts.given_alignment = request.alignment;
  incident.facts.given_count = request.count;
  incident.now = stack_for_report(site);
  report_incident(incident);
}

WEIR_COLD bool allow_odd(std::size_t bytes, Family family, const CallSite& site) noexcept {
  const bool zero = bytes == 0;
  if (zero ? options.report_zero : options.report_huge) {
    report_odd({zero ? IncidentKind::kZeroSize : IncidentKind::kTooBig, call_of(family), bytes, 0, 0}, site);
  }
  return zero;
}

WEIR_COLD void fill_new(char* block, std::size_t from, std::size_t bytes) noexcept {
  const std::size_t end = bytes < options.max_malloc_fill_size ? bytes : options.max_malloc_fill_size;
  if (from < end) std::memset(block + from, static_cast<int>(options.malloc_fill_byte), end - from);
}

__attribute__((noinline)) void* take_routed(std::size_t bytes, CallKind call, std::uint64_t caller) noexcept {
  return routed::allocate(bytes, call, caller);
}

__attribute__((noinline)) void* take_pages(std::size_t bytes, std::size_t alignment, Family family,
                                           CallKind call, const CallSite& site) noexcept {
  if (!pages::wanted(bytes, alignment, call, site.ip)) return nullptr;
  return pages::make(bytes, alignment, family, call, site,
                     call == CallKind::kCalloc ? 0 : options.max_malloc_fill_size);
}

WEIR_COLD bool refuse(void* block, IncidentCall call, const CallSite& site) noexcept {
  const StackId now = stack_for_report(site);
  if (heap_zone.holds(block)) {
    report_bad_pointer(block, call, now);
    return false;
  }
  return is_foreign_block(block, call, now);
}

WEIR_COLD void report_misfit(const GuardHeader& header, const Ending& how, const CallSite& site) noexcept {
  Incident incident;
  incident.facts.call = how.call;
  incident.facts.address = reinterpret_cast<std::uint64_t>(header.block());
  if ((how.families >> static_cast<unsigned>(header.family()) & 1) == 0) {
    // Some of the program's operators are its own: which of ours were called before they were known is not.
    if (!options.alloc_dealloc_mismatch || operators_replaced) return;
    incident.now = stack_for_report(site);
    const bool is_of_c = (kOfC >> static_cast<unsigned>(header.family()) & 1) != 0;
    if (is_of_c ? is_from_operator_new(header.stack()) : is_from_operator_delete(incident.now)) return;
    incident.facts.kind = IncidentKind::kMismatch;
  } else {
    if (!options.new_delete_type_mismatch) return;
    const bool size = how.has_bytes && how.bytes != header.bytes();
    incident.facts.kind = size ? IncidentKind::kSizeMismatch : IncidentKind::kAlignMismatch;
  }
  incident.facts.given_size = how.bytes;
  incident.facts.given_alignment = how.alignment;
  if (incident.now == kNoStack) incident.now = stack_for_report(site);
  describe_block(incident, header);
  dump_around(incident, &header, header.block());
  report_incident(incident);
}

WEIR_COLD void give_up(GuardHeader* header, IncidentCall call, const CallSite& site) noexcept {
  const StackId now = stack_for_report(site);
  // Another thread has freed it since it was found live.
  if (header->stage() == BlockStage::kFreed) return report_bad_pointer(header->block(), call, now);
  Incident incident;
  const bool moves = call == IncidentCall::kRealloc;
  describe_live_block(incident, *header, moves ? IncidentOccasion::kRealloc : IncidentOccasion::kFree, call,
                      now);
  ThreadState* t = this_thread;
  note_free(header->bytes(), header->family());
  header->end_life(now, call, {t != nullptr ? t->number : 0, ticks_now()});
  report_incident(incident);
}

WEIR_COLD void end_unusual(void* block, const Ending& how, const CallSite& site) noexcept {
  if (pages::holds(block)) return pages::end(block, how, site);
  if (block == nullptr) return;
  if (!heap_zone.has_in_place(block) && heap_zone.holds(block) && GuardHeader::of(block)->base.is_live()) {
    return retire(GuardHeader::of(block), how.call,
                  site);  // the heap zone could not be had: it lies elsewhere
  }
  if (refuse(block, how.call, site)) libc::free_foreign(block);
}

void end_blocks(char* start, char* end) noexcept {
  ThreadState* t = enter();  // a signal handler that frees must not wait for the lock
  quarantine::forget(start, end);
  if (t != nullptr) leave(t);
  for (char* at = start; at + kGuardHeaderBytes <= end; at += 16) {
    auto* header = reinterpret_cast<GuardHeader*>(at);
    if (!header->base.is_live()) continue;
    note_free(header->bytes(), header->family());
    header->begin_change();                            // first: a check may stop us anywhere
    store_unaligned(header->end() - kRecordBytes, 0);  // no header that was lost
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    header->base.kill();
  }
}

}  // namespace weir::guarded
