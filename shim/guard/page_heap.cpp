#include "shim/guard/page_heap.hpp"

#include <cstring>

#include "shim/base/options.hpp"
#include "shim/entry/replaced_operators.hpp"
#include "shim/guard/guard_calls.hpp"
#include "shim/guard/guard_clock.hpp"
#include "shim/guard/page_fault.hpp"
#include "shim/guard/page_report.hpp"
#include "shim/guard/private_operator.hpp"
#include "shim/track/thread_section.hpp"

#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::pages {

constinit bool in_use = false;

namespace {

bool is_of(const PageBlock& block, const guarded::Ending& how) noexcept {
  return (how.families >> static_cast<unsigned>(block.header.family()) & 1) != 0;
}

bool fits(const PageBlock& block, const guarded::Ending& how) noexcept {
  if (!is_of(block, how) || (how.has_bytes && how.bytes != block.bytes())) return false;
  return !how.has_alignment || how.alignment == block.alignment();
}

// The wrong call for a block, which ends it all the same: that does no harm here.
WEIR_COLD void report_misfit(const PageBlock& block, const guarded::Ending& how,
                             const CallSite& site) noexcept {
  const bool mixed = !is_of(block, how);
  if (mixed ? !options.alloc_dealloc_mismatch || operators_replaced : !options.new_delete_type_mismatch)
    return;
  const StackId now = stack_for_report(site);
  if (mixed) {
    const Family family = block.header.family();
    const bool is_of_c = (guarded::kOfC >> static_cast<unsigned>(family) & 1) != 0;
    if (is_of_c ? guarded::is_from_operator_new(block.header.stack()) : guarded::is_from_operator_delete(now))
      return;
  }
  const bool size = how.has_bytes && how.bytes != block.bytes();
  Incident incident;
  FindingsIncident& f = incident.facts;
  f.kind = mixed  ? IncidentKind::kMismatch
           : size ? IncidentKind::kSizeMismatch
                  : IncidentKind::kAlignMismatch;
  f.call = how.call;
  f.address = block.start;
  f.given_size = how.bytes;
  f.given_alignment = how.alignment;
  incident.now = now;
  describe(incident, block);
  dump_around(incident, block, block.start);
  report_incident(incident);
}

// nullptr, with a report, where no live block begins.
PageBlock* find_live(const void* block, IncidentCall call, const CallSite& site) noexcept {
  PageBlock* const found = find(block);
  const bool begins = found != nullptr && found->start == reinterpret_cast<std::uint64_t>(block);
  if (__builtin_expect(begins && found->is_live(), 1)) return found;
  report_bad_pointer(found, block, call, stack_for_report(site));
  return nullptr;
}

}  // namespace

void set_up() noexcept {
  in_use = options.guard != kGuardCanary;
  if (!in_use) return;
  set_up_blocks();
  set_up_choice();
}

void begin() noexcept {
  if (in_use) catch_faults();
}

void* make(std::size_t bytes, std::size_t alignment, Family family, CallKind call, const CallSite& site,
           std::size_t fill) noexcept {
  ThreadState* t = enter();
  if (t == nullptr) return nullptr;
  const StackId stack = options.stacks != kStacksNone
                            ? with_tag(*t, t->memo.stack_of(site), site, bytes, alignment, call)
                            : kNoStack;
  void* const block = allocate(bytes, alignment, {family, stack, page_meta(t->number, ticks_now())});
  if (block != nullptr) count_allocation(t->counts, bytes);
  leave(t);
  if (block != nullptr && fill != 0) {
    std::memset(block, static_cast<int>(options.malloc_fill_byte), fill < bytes ? fill : bytes);
  }
  return block;
}

std::size_t usable_size(const void* block, const CallSite& site) noexcept {
  const PageBlock* const found = find_live(block, IncidentCall::kUsableSize, site);
  return found != nullptr ? found->bytes() : 0;
}

PageBlock* check(const void* block, const guarded::Ending& how, const CallSite& site) noexcept {
  PageBlock* const found = find_live(block, how.call, site);
  if (__builtin_expect(found == nullptr, 0)) return nullptr;
  if (__builtin_expect(!fits(*found, how), 0)) report_misfit(*found, how, site);
  Incident damage;
  const bool moves = how.call == IncidentCall::kRealloc;
  if (__builtin_expect(
          describe_damage(damage, *found, moves ? IncidentOccasion::kRealloc : IncidentOccasion::kFree,
                          how.call),
          0)) {
    damage.now = stack_for_report(site);
    found->told.store(true, std::memory_order_relaxed);  // the report may end in the check at exit
    report_incident(damage);
  }
  return found;
}

void retire(PageBlock& block, const CallSite& site) noexcept {
  const std::uint64_t bytes = block.bytes();
  ThreadState* t = enter();
  PageCall by;
  if (t != nullptr) {
    by.stack = options.stacks == kStacksBoth ? t->memo.stack_of(site) : kNoStack;
    by.meta = page_meta(t->number, ticks_now());
    leave(t);
  } else {
    by.meta = page_meta(0, ticks_now());
  }
  if (__builtin_expect(release(block, by), 1)) return note_free(bytes, block.header.family());
  report_bad_pointer(&block, reinterpret_cast<const void*>(block.start), IncidentCall::kFree,
                     stack_for_report(site));
}

}  // namespace weir::pages
