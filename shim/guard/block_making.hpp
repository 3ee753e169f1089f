// How guarded blocks are made: the part that every allocating call has in line, so that each takes its stack
// at a place of its own and the usual way has no further call.
#pragma once

#include <cerrno>
#include <cstring>

#include "shim/guard/guard_calls.hpp"
#include "shim/guard/guard_clock.hpp"
#include "shim/guard/page_heap.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/track/program_caller.hpp"
#include "shim/track/thread_section.hpp"

namespace weir::guarded {

inline constexpr unsigned kPlainShift = 4;  // log2 of the alignment that calls without one ask for

inline void* fail() noexcept {
  errno = ENOMEM;
  return nullptr;
}

inline GuardMeta meta_now(ThreadState* t) noexcept {
  if (__builtin_expect(--t->guard.calls_left == 0, 0)) tick(t);
  return {t->number, t->guard.ticks};
}

// What is noted of a call: its stack, thread and time, and the thread, kept busy until leave().
struct Note {
  ThreadState* thread;
  StackId stack;
  GuardMeta when;
};

[[gnu::always_inline]] inline Note note_allocation(const CallSite& site, std::uint64_t bytes, Family& family,
                                                   CallKind call, std::size_t alignment = kGranule) noexcept {
  ThreadState* t = enter();
  if (__builtin_expect(t == nullptr, 0)) {
    return {nullptr, note_without_state(site, bytes, family), {0, ticks_now()}};
  }
  count_allocation(t->counts, bytes);
  const StackId stack =
      keeps_alloc_stacks ? with_tag(*t, t->memo.stack_of(site), site, bytes, alignment, call) : kNoStack;
  const Note note{t, stack, meta_now(t)};
  leave(t);
  return note;
}

[[gnu::always_inline]] inline void* finish(void* base, std::size_t offset, unsigned shift, std::size_t bytes,
                                           Family family, const CallSite& site, CallKind call,
                                           std::size_t alignment = kGranule) noexcept {
  const Note note = note_allocation(site, bytes, family, call, alignment);
  GuardHeader* header = GuardHeader::of(static_cast<char*>(base) + offset);
  header->begin(bytes, shift, family, note.stack, note.when);
  if (__builtin_expect(options.max_malloc_fill_size != 0, 0)) fill_new(header->block(), 0, bytes);
  return header->block();
}

[[gnu::always_inline]] inline void* allocate(std::size_t bytes, Family family, CallKind call,
                                             const CallSite& site) noexcept {
  if (__builtin_expect(bytes - 1 >= kMaxBlockBytes, 0) && !allow_odd(bytes, family, site)) return fail();
  if (__builtin_expect(pages::in_use, 0)) {
    if (void* block = take_pages(bytes, kHeaderBytes, family, call, site)) return block;
  }
  void* base = __builtin_expect(routing, 0)
                   ? take_routed(bytes, call, program_caller(site.ip))
                   : parent::allocate(kGuardHeaderBytes + GuardHeader::span_of(bytes));
  if (__builtin_expect(base == nullptr, 0)) return nullptr;
  return finish(base, kGuardHeaderBytes, kPlainShift, bytes, family, site, call);
}

[[gnu::always_inline]] inline void* allocate_aligned(std::size_t alignment, std::size_t bytes, Family family,
                                                     CallKind call, const CallSite& site) noexcept {
  if (alignment <= kHeaderBytes) return allocate(bytes, family, call, site);
  if (bytes - 1 >= kMaxBlockBytes && !allow_odd(bytes, family, site)) return fail();
  if (alignment > kMaxBlockBytes || (alignment & (alignment - 1)) != 0) return fail();
  if (pages::in_use) {
    if (void* block = take_pages(bytes, alignment, family, call, site)) return block;
  }
  const std::size_t offset = GuardHeader::offset_of(alignment);
  const std::size_t total = offset + GuardHeader::span_of(bytes);
  void* base = routing ? routed::allocate_aligned({bytes, alignment, call, program_caller(site.ip)}, total)
                       : parent::allocate_aligned(alignment, total);
  if (base == nullptr) return fail();  // jemalloc's memalign leaves errno alone
  return finish(base, offset, static_cast<unsigned>(__builtin_ctzll(alignment)), bytes, family, site, call,
                alignment);
}

}  // namespace weir::guarded
