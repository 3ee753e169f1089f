#include "shim/guard/guarded_heap.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/zones.hpp"
#include "shim/entry/new_handler.hpp"
#include "shim/guard/bad_pointer.hpp"
#include "shim/guard/damage.hpp"
#include "shim/guard/guard_clock.hpp"
#include "shim/guard/heap_check.hpp"
#include "shim/guard/page_heap.hpp"
#include "shim/guard/quarantine.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/route/units.hpp"
#include "shim/track/heap_totals.hpp"
#include "shim/track/program_caller.hpp"
#include "shim/track/thread_section.hpp"

#define WEIR_GUARDED __attribute__((noinline))
#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::guarded {
namespace {

// realloc moves smaller blocks always, so that stale pointers to them are found; larger ones grow in place.
constexpr std::size_t kMovesBelow = std::size_t{128} << 10;

// What kept of a call's own stack, as option stacks says.
constinit bool keeps_alloc_stacks = true;
constinit bool keeps_free_stacks = true;

void* fail() noexcept {
  errno = ENOMEM;
  return nullptr;
}

constexpr std::size_t at_least_16(std::size_t alignment) noexcept {
  return alignment < kHeaderBytes ? kHeaderBytes : alignment;
}

// ---- the thread's part

// Every kCallsATick calls, or more often where check_every asks for it.
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

[[gnu::always_inline]] inline Note note_allocation(const CallSite& site, std::uint64_t bytes,
                                                   Family& family) noexcept {
  ThreadState* t = enter();
  if (__builtin_expect(t == nullptr, 0)) {
    return {nullptr, note_without_state(site, bytes, family), {0, ticks_now()}};
  }
  count_allocation(t->counts, bytes);
  const StackId stack = keeps_alloc_stacks ? t->memo.stack_of(site) : kNoStack;
  const Note note{t, stack, meta_now(t)};
  leave(t);
  return note;
}

// A call's stack outside the usual way, for a report.
WEIR_COLD StackId stack_for_report(const CallSite& site) noexcept {
  ThreadState* t = enter();
  if (t == nullptr) return kNoStack;
  const StackId stack = t->memo.stack_of(site);
  leave(t);
  return stack;
}

// ---- making blocks

// What of a block of so many bytes is new.
WEIR_COLD void fill_new(char* block, std::size_t from, std::size_t bytes) noexcept {
  const std::size_t end = bytes < options.max_malloc_fill_size ? bytes : options.max_malloc_fill_size;
  if (from < end) std::memset(block + from, static_cast<int>(options.malloc_fill_byte), end - from);
}

struct OddRequest {
  IncidentKind kind;
  IncidentCall call;
  std::size_t bytes, alignment, count;
};

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

__attribute__((noinline)) void* take_routed(std::size_t bytes, CallKind call, std::uint64_t caller) noexcept {
  return routed::allocate(bytes, call, caller);
}

[[gnu::always_inline]] inline void* finish(void* base, std::size_t offset, unsigned shift, std::size_t bytes,
                                           Family family, const CallSite& site) noexcept {
  const Note note = note_allocation(site, bytes, family);
  GuardHeader* header = GuardHeader::of(static_cast<char*>(base) + offset);
  header->begin(bytes, shift, family, note.stack, note.when);
  if (__builtin_expect(options.max_malloc_fill_size != 0, 0)) fill_new(header->block(), 0, bytes);
  return header->block();
}

constexpr unsigned kPlainShift = 4;

// No bytes, or more than there can be. False when nothing is to be allocated.
WEIR_COLD bool allow_odd(std::size_t bytes, Family family, const CallSite& site) noexcept {
  const bool zero = bytes == 0;
  if (zero ? options.report_zero : options.report_huge) {
    report_odd({zero ? IncidentKind::kZeroSize : IncidentKind::kTooBig, call_of(family), bytes, 0, 0}, site);
  }
  return zero;
}

// guard=page: nullptr for a block that gets canaries.
__attribute__((noinline)) void* take_pages(std::size_t bytes, std::size_t alignment, Family family,
                                           CallKind call, const CallSite& site) noexcept {
  if (!pages::wanted(bytes, alignment, call, site.ip)) return nullptr;
  return pages::make(bytes, alignment, family, site,
                     call == CallKind::kCalloc ? 0 : options.max_malloc_fill_size);
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
  return finish(base, kGuardHeaderBytes, kPlainShift, bytes, family, site);
}

[[gnu::always_inline]] inline void* allocate_aligned(std::size_t alignment, std::size_t bytes, Family family,
                                                     CallKind call, const CallSite& site) noexcept {
  if (alignment <= kHeaderBytes) return allocate(bytes, family, call, site);
  if (bytes - 1 >= kMaxBlockBytes && !allow_odd(bytes, family, site)) return fail();
  if (alignment > kMaxBlockBytes) return fail();
  if (pages::in_use) {
    if (void* block = take_pages(bytes, alignment, family, call, site)) return block;
  }
  const std::size_t offset = GuardHeader::offset_of(alignment);
  const std::size_t total = offset + GuardHeader::span_of(bytes);
  void* base = routing ? routed::allocate_aligned({bytes, alignment, call, program_caller(site.ip)}, total)
                       : parent::allocate_aligned(alignment, total);
  if (base == nullptr) return fail();  // jemalloc's memalign leaves errno alone
  return finish(base, offset, static_cast<unsigned>(__builtin_ctzll(alignment)), bytes, family, site);
}

// ---- ending blocks

// False when nothing more is to be done with the pointer.
WEIR_COLD bool refuse(void* block, IncidentCall call, const CallSite& site) noexcept {
  const StackId now = stack_for_report(site);
  if (heap_zone.holds(block)) {
    report_bad_pointer(block, call, now);
    return false;
  }
  return is_foreign_block(block, call, now);
}

bool fits(const GuardHeader& header, const Ending& how) noexcept {
  if ((how.families >> static_cast<unsigned>(header.family()) & 1) == 0) return false;
  if (how.has_bytes && how.bytes != header.bytes()) return false;
  return !how.has_alignment || how.alignment == header.alignment();
}

// The wrong call for a block, which ends it all the same: that does no harm here.
WEIR_COLD void report_misfit(const GuardHeader& header, const Ending& how, const CallSite& site) noexcept {
  Incident incident;
  incident.facts.call = how.call;
  incident.facts.address = reinterpret_cast<std::uint64_t>(header.block());
  if ((how.families >> static_cast<unsigned>(header.family()) & 1) == 0) {
    if (!options.alloc_dealloc_mismatch) return;
    incident.facts.kind = IncidentKind::kMismatch;
  } else {
    if (!options.new_delete_type_mismatch) return;
    const bool size = how.has_bytes && how.bytes != header.bytes();
    incident.facts.kind = size ? IncidentKind::kSizeMismatch : IncidentKind::kAlignMismatch;
  }
  incident.facts.given_size = how.bytes;
  incident.facts.given_alignment = how.alignment;
  incident.now = stack_for_report(site);
  describe_block(incident, header);
  dump_around(incident, &header, header.block());
  report_incident(incident);
}

// The canaries are damaged: reported, and the block is never used again.
WEIR_COLD void give_up(GuardHeader* header, IncidentCall call, const CallSite& site) noexcept {
  const StackId now = stack_for_report(site);
  Incident incident;
  const bool moves = call == IncidentCall::kRealloc;
  describe_live_block(incident, *header, moves ? IncidentOccasion::kRealloc : IncidentOccasion::kFree, call,
                      now);
  ThreadState* t = this_thread;
  note_free(header->bytes(), header->family());
  header->end_life(now, call, {t != nullptr ? t->number : 0, ticks_now()});
  report_incident(incident);
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

WEIR_COLD void end_unusual(void* block, const Ending& how, const CallSite& site) noexcept {
  if (pages::holds(block)) return pages::end(block, how, site);
  if (block == nullptr) return;
  if (!heap_zone.has_in_place(block) && heap_zone.holds(block) && GuardHeader::of(block)->base.is_live()) {
    return retire(GuardHeader::of(block), how.call,
                  site);  // the heap zone could not be had: it lies elsewhere
  }
  if (refuse(block, how.call, site)) libc::free_foreign(block);
}

[[gnu::always_inline]] inline void end(void* block, const Ending& how, const CallSite& site) noexcept {
  if (__builtin_expect(!is_live_block(block), 0)) return end_unusual(block, how, site);
  GuardHeader* header = GuardHeader::of(block);
  if (__builtin_expect(!fits(*header, how), 0)) report_misfit(*header, how, site);
  if (__builtin_expect(!header->is_whole(), 0)) return give_up(header, how.call, site);
  retire(header, how.call, site);
}

}  // namespace

void set_up() noexcept {
  keeps_alloc_stacks = options.stacks != kStacksNone;
  keeps_free_stacks = options.stacks == kStacksBoth;
  if (!quarantine::set_up()) options.quarantine_bytes = 0;
  pages::set_up();
  at_thread_end = quarantine::flush;
}

void finish() noexcept {
  static constinit std::atomic<bool> finished{false};
  if (finished.exchange(true)) return;
  if (options.check_at_exit) check_heap(IncidentOccasion::kExit);
  say_incident_counts();
}

void begin() noexcept {
  start_guard_clock();
  pages::begin();
}

void lock_for_fork() noexcept {
  pages::lock_for_fork();
  quarantine::lock_for_fork();
}
void unlock_after_fork() noexcept {
  quarantine::unlock_after_fork();
  pages::unlock_after_fork();
}

WEIR_GUARDED void* malloc(std::size_t bytes) {
  return allocate(bytes, Family::kMalloc, CallKind::kMalloc, WEIR_CALL_SITE());
}

WEIR_GUARDED void* calloc(std::size_t count, std::size_t bytes) {
  std::size_t total;
  const CallSite site = WEIR_CALL_SITE();
  if (__builtin_mul_overflow(count, bytes, &total)) {
    if (options.report_huge) {
      report_odd({IncidentKind::kCallocOverflow, IncidentCall::kCalloc, bytes, 0, count}, site);
    }
    return fail();
  }
  if (__builtin_expect(total - 1 >= kMaxBlockBytes, 0) && !allow_odd(total, Family::kCalloc, site))
    return fail();
  if (pages::in_use) {
    if (void* block = take_pages(total, kHeaderBytes, Family::kCalloc, CallKind::kCalloc, site)) return block;
  }
  void* base = routing ? routed::allocate_zeroed(total, program_caller(site.ip))
                       : parent::allocate_zeroed(kGuardHeaderBytes + GuardHeader::span_of(total));
  if (base == nullptr) return nullptr;
  Family family = Family::kCalloc;
  const Note note = note_allocation(site, total, family);
  GuardHeader* header = GuardHeader::of(static_cast<char*>(base) + kGuardHeaderBytes);
  header->begin(total, kPlainShift, family, note.stack, note.when);
  return header->block();
}

namespace {

// A large block stays where it is when the parent can make room.
void* resize(GuardHeader* header, std::size_t bytes, const CallSite& site) noexcept {
  const GuardHeader before = *header;
  char* const record = header->end() - kRecordBytes;
  const std::uint64_t record_before = load_unaligned(record);
  header->begin_change();  // first: whoever gets this memory next must not find a live header in it
  store_unaligned(record, 0);
  const std::size_t total = kGuardHeaderBytes + GuardHeader::span_of(bytes);
  void* base = routing ? routed::reallocate(header, total,
                                            {bytes, kGranule, CallKind::kRealloc, program_caller(site.ip)})
                       : parent::reallocate(header, total);
  if (base == nullptr) {
    store_unaligned(record, record_before);
    *header = before;
    return fail();  // jemalloc's realloc leaves errno alone
  }
  note_free(before.bytes(), before.family());
  Family family = Family::kRealloc;
  const Note note = note_allocation(site, bytes, family);
  GuardHeader* resized = GuardHeader::of(static_cast<char*>(base) + kGuardHeaderBytes);
  resized->begin(bytes, kPlainShift, family, note.stack, note.when);
  fill_new(resized->block(), before.bytes(), bytes);
  return resized->block();
}

void* move(GuardHeader* header, std::size_t bytes, const CallSite& site) noexcept {
  void* moved = allocate(bytes, Family::kRealloc, CallKind::kRealloc, site);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, header->block(), bytes < header->bytes() ? bytes : header->bytes());
  return moved;
}

constexpr Ending kReallocEnding{IncidentCall::kRealloc, kOfC};

void* realloc_on_pages(void* block, std::size_t bytes, const CallSite& site) noexcept {
  pages::PageBlock* const found = pages::check(block, kReallocEnding, site);
  if (found == nullptr) return fail();
  void* moved = nullptr;
  if (bytes != 0) {
    moved = allocate(bytes, Family::kRealloc, CallKind::kRealloc, site);
    if (moved == nullptr) return nullptr;
    std::memcpy(moved, block, bytes < found->bytes() ? bytes : found->bytes());
  }
  pages::retire(*found, site);
  return moved;
}

WEIR_COLD void* realloc_unusual(void* block, std::size_t bytes, const CallSite& site) noexcept {
  if (pages::holds(block)) return realloc_on_pages(block, bytes, site);
  if (!refuse(block, IncidentCall::kRealloc, site)) return fail();
  return libc::realloc_foreign(block, bytes);
}

}  // namespace

WEIR_GUARDED void* realloc(void* block, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  if (block == nullptr) return allocate(bytes, Family::kRealloc, CallKind::kRealloc, site);
  if (__builtin_expect(!is_live_block(block), 0)) return realloc_unusual(block, bytes, site);
  GuardHeader* header = GuardHeader::of(block);
  if (__builtin_expect(!fits(*header, kReallocEnding), 0)) report_misfit(*header, kReallocEnding, site);
  const bool whole = header->is_whole();
  if (bytes == 0) {  // glibc frees
    whole ? retire(header, IncidentCall::kRealloc, site) : give_up(header, IncidentCall::kRealloc, site);
    return nullptr;
  }
  if (whole && !pages::in_use && bytes >= kMovesBelow && bytes <= kMaxBlockBytes &&
      header->bytes() >= kMovesBelow && header->alignment() == kHeaderBytes) {
    return resize(header, bytes, site);
  }
  void* moved = move(header, bytes, site);
  if (__builtin_expect(!whole, 0)) {
    give_up(header, IncidentCall::kRealloc, site);
  } else if (__builtin_expect(moved != nullptr, 1)) {
    retire(header, IncidentCall::kRealloc, site);
  }
  return moved;
}

WEIR_GUARDED void* memalign(std::size_t alignment, std::size_t bytes) {
  return allocate_aligned(alignment, bytes, Family::kAligned, CallKind::kMemalign, WEIR_CALL_SITE());
}

WEIR_GUARDED int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  const int saved = errno;
  void* block =
      allocate_aligned(alignment, bytes, Family::kPosixMemalign, CallKind::kMemalign, WEIR_CALL_SITE());
  errno = saved;
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

WEIR_GUARDED void* memalign_odd(std::size_t alignment, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  if (options.report_alignment) {
    report_odd({IncidentKind::kBadAlignment, IncidentCall::kMemalign, bytes, alignment, 0}, site);
  }
  if (alignment > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return nullptr;
  }
  const std::size_t fixed =
      alignment < kHeaderBytes ? kHeaderBytes : std::size_t{1} << (64 - __builtin_clzll(alignment));
  return allocate_aligned(fixed, bytes, Family::kAligned, CallKind::kMemalign, site);
}

WEIR_GUARDED int posix_memalign_odd(std::size_t alignment) {
  const CallSite site = WEIR_CALL_SITE();
  if (options.report_alignment) {
    report_odd({IncidentKind::kBadAlignment, IncidentCall::kPosixMemalign, 0, alignment, 0}, site);
  }
  return EINVAL;
}

WEIR_GUARDED void* calloc_too_big(std::size_t count, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  if (options.report_huge) {
    report_odd({IncidentKind::kCallocOverflow, IncidentCall::kRealloc, bytes, 0, count}, site);
  }
  return fail();
}

#define WEIR_NEW(name, family, call, symbol)                                                          \
  WEIR_GUARDED void* name(std::size_t bytes) {                                                        \
    const CallSite site = WEIR_CALL_SITE();                                                           \
    for (;;) {                                                                                        \
      if (void* block = allocate(bytes, family, call, site); __builtin_expect(block != nullptr, 1)) { \
        return block;                                                                                 \
      }                                                                                               \
      call_new_handler();                                                                             \
    }                                                                                                 \
  }                                                                                                   \
  WEIR_GUARDED void* name##_nothrow(std::size_t bytes) {                                              \
    void* block = allocate(bytes, family, call, WEIR_CALL_SITE());                                    \
    return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow(symbol, bytes);              \
  }
WEIR_NEW(operator_new, Family::kNew, CallKind::kNew, "_ZnwmRKSt9nothrow_t")
WEIR_NEW(operator_new_array, Family::kNewArray, CallKind::kNewArray, "_ZnamRKSt9nothrow_t")

#define WEIR_NEW_ALIGNED(name, family, call, symbol)                                          \
  WEIR_GUARDED void* name(std::size_t bytes, std::size_t alignment) {                         \
    const CallSite site = WEIR_CALL_SITE();                                                   \
    for (;;) {                                                                                \
      if (void* block = allocate_aligned(alignment, bytes, family, call, site)) return block; \
      call_new_handler();                                                                     \
    }                                                                                         \
  }                                                                                           \
  WEIR_GUARDED void* name##_nothrow(std::size_t bytes, std::size_t alignment) {               \
    void* block = allocate_aligned(alignment, bytes, family, call, WEIR_CALL_SITE());         \
    if (__builtin_expect(block != nullptr, 1)) return block;                                  \
    return retry_nothrow_aligned(symbol, bytes, alignment);                                   \
  }
WEIR_NEW_ALIGNED(operator_new_aligned, Family::kNew, CallKind::kNew, "_ZnwmSt11align_val_tRKSt9nothrow_t")
WEIR_NEW_ALIGNED(operator_new_array_aligned, Family::kNewArray, CallKind::kNewArray,
                 "_ZnamSt11align_val_tRKSt9nothrow_t")

WEIR_GUARDED void free(void* block) {
  end(block, {IncidentCall::kFree, kOfC}, WEIR_CALL_SITE());
}
WEIR_GUARDED void free_sized(void* block, std::size_t bytes) {
  end(block, {IncidentCall::kFreeSized, kOfC, true, false, bytes}, WEIR_CALL_SITE());
}
WEIR_GUARDED void free_aligned_sized(void* block, std::size_t alignment, std::size_t bytes) {
  end(block, {IncidentCall::kFreeAlignedSized, kOfC, true, true, bytes, at_least_16(alignment)},
      WEIR_CALL_SITE());
}

// A delete without an alignment is for blocks without one.
#define WEIR_DELETE(name, call, family)                                                           \
  WEIR_GUARDED void name(void* block) {                                                           \
    end(block, {call, bit(family), false, true}, WEIR_CALL_SITE());                               \
  }                                                                                               \
  WEIR_GUARDED void name##_sized(void* block, std::size_t bytes) {                                \
    end(block, {call, bit(family), true, true, bytes}, WEIR_CALL_SITE());                         \
  }                                                                                               \
  WEIR_GUARDED void name##_aligned(void* block, std::size_t alignment) {                          \
    end(block, {call, bit(family), false, true, 0, at_least_16(alignment)}, WEIR_CALL_SITE());    \
  }                                                                                               \
  WEIR_GUARDED void name##_sized_aligned(void* block, std::size_t bytes, std::size_t alignment) { \
    end(block, {call, bit(family), true, true, bytes, at_least_16(alignment)}, WEIR_CALL_SITE()); \
  }
WEIR_DELETE(operator_delete, IncidentCall::kDelete, Family::kNew)
WEIR_DELETE(operator_delete_array, IncidentCall::kDeleteArray, Family::kNewArray)

WEIR_GUARDED std::size_t usable_size(void* block) {
  if (block == nullptr) return 0;
  if (__builtin_expect(is_live_block(block), 1)) return GuardHeader::of(block)->bytes();
  if (pages::holds(block)) return pages::usable_size(block, WEIR_CALL_SITE());
  return refuse(block, IncidentCall::kUsableSize, WEIR_CALL_SITE()) ? libc::usable_size_foreign(block) : 0;
}

}  // namespace weir::guarded
