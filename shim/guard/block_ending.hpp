// How guarded blocks end: the part that free and every delete have in line.
#pragma once

#include "shim/base/zones.hpp"
#include "shim/guard/block_making.hpp"
#include "shim/guard/light_heap.hpp"
#include "shim/guard/quarantine.hpp"
#include "shim/route/units.hpp"
#include "shim/track/tracked_heap.hpp"

namespace weir::guarded {

inline bool fits(const GuardHeader& header, const Ending& how) noexcept {
  if ((how.families >> static_cast<unsigned>(header.family()) & 1) == 0) return false;
  if (how.has_bytes && how.bytes != header.bytes()) return false;
  return !how.has_alignment || how.alignment == header.alignment();
}

[[gnu::always_inline]] inline void retire(GuardHeader* header, IncidentCall call,
                                          const CallSite& site) noexcept {
  const Family family = header->family();
  ThreadState* t = enter();
  if (__builtin_expect(t == nullptr, 0)) {
    note_free(header->bytes(), family);
    header->end_life(kNoStack, call, {0, ticks_now()});
    return quarantine::hold(nullptr, header);
  }
  if (__builtin_expect(family != Family::kOwn, 1)) count_free(t->counts, header->bytes());
  const StackId stack = keeps_free_stacks ? t->free_memo.stack_of(site) : kNoStack;
  header->end_life(stack, call, meta_now(t));
  quarantine::hold(t, header);
  leave(t);
}

// Whether memory of the heap is, or was, in front of the address.
inline bool may_have_header(const void* block) noexcept {
  const std::uint64_t header = reinterpret_cast<std::uint64_t>(block) - kGuardHeaderBytes;
  return heap_zone.is_used(header) || (is_routed(header) && is_mapped_unit(unit_of(GuardHeader::of(block))));
}

[[gnu::always_inline]] inline bool is_live_block(const void* block) noexcept {
  return __builtin_expect(may_have_header(block), 1) && GuardHeader::of(block)->base.is_live();
}

[[gnu::always_inline]] inline void end(void* block, const Ending& how, const CallSite& site) noexcept {
  if (__builtin_expect(light::in_use, 0) && !pages::holds(block)) return tracked::free(block);
  if (__builtin_expect(!is_live_block(block), 0)) return end_unusual(block, how, site);
  GuardHeader* header = GuardHeader::of(block);
  if (__builtin_expect(!fits(*header, how), 0)) report_misfit(*header, how, site);
  if (__builtin_expect(!header->is_whole(), 0)) return give_up(header, how.call, site);
  retire(header, how.call, site);
}

}  // namespace weir::guarded
