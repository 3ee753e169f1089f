#include "shim/guard/guarded_heap.hpp"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "shim/base/copy_block.hpp"
#include "shim/base/options.hpp"
#include "shim/entry/new_handler.hpp"
#include "shim/guard/block_ending.hpp"
#include "shim/guard/block_making.hpp"
#include "shim/guard/crash.hpp"
#include "shim/guard/guard_clock.hpp"
#include "shim/guard/heap_check.hpp"
#include "shim/guard/incident.hpp"
#include "shim/guard/light_heap.hpp"
#include "shim/life/libc.hpp"
#include "shim/route/arena.hpp"
#include "shim/track/tracked_heap.hpp"

#define WEIR_GUARDED __attribute__((noinline))
#define WEIR_COLD __attribute__((noinline, cold))

// Begins a function that guard_others=none gives to another heap.
#define WEIR_OR_LIGHT(call) \
  if (__builtin_expect(light::in_use, 0)) return light::call

namespace weir::guarded {
namespace {

// realloc moves smaller blocks always, so that stale pointers to them are found; larger ones grow in place.
constexpr std::size_t kMovesBelow = std::size_t{128} << 10;

constexpr std::size_t at_least_16(std::size_t alignment) noexcept {
  return alignment < kHeaderBytes ? kHeaderBytes : alignment;
}

}  // namespace

bool uses_leak_blocks() noexcept {
  return options.guard != kGuardCanary && options.guard_others == kGuardOthersNone;
}

void set_up() noexcept {
  keeps_alloc_stacks = options.stacks != kStacksNone;
  keeps_free_stacks = options.stacks == kStacksBoth;
  quarantine::set_up();
  pages::set_up();
  light::in_use = uses_leak_blocks();
  at_thread_end = quarantine::flush;
  if (light::in_use) return;
  blocks_end = end_blocks;
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
  crash::begin();
}

void lock_for_fork() noexcept {
  pages::lock_for_fork();
  quarantine::lock_for_fork();
}
void adopt_in_child() noexcept {
  ThreadState* t = enter();  // a signal handler that frees must not wait for the lock
  quarantine::adopt_batches();
  if (t != nullptr) leave(t);
}
void unlock_after_fork() noexcept {
  quarantine::unlock_after_fork();
  pages::unlock_after_fork();
}

WEIR_GUARDED void* malloc(std::size_t bytes) {
  WEIR_OR_LIGHT(malloc(bytes));
  return allocate(bytes, Family::kMalloc, CallKind::kMalloc, WEIR_CALL_SITE());
}

WEIR_GUARDED void* calloc(std::size_t count, std::size_t bytes) {
  WEIR_OR_LIGHT(calloc(count, bytes));
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
  const Note note = note_allocation(site, total, family, CallKind::kCalloc);
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
  const Note note = note_allocation(site, bytes, family, CallKind::kRealloc);
  GuardHeader* resized = GuardHeader::of(static_cast<char*>(base) + kGuardHeaderBytes);
  resized->begin(bytes, kPlainShift, family, note.stack, note.when);
  fill_new(resized->block(), before.bytes(), bytes);
  return resized->block();
}

void* move(GuardHeader* header, std::size_t bytes, const CallSite& site) noexcept {
  void* moved = allocate(bytes, Family::kRealloc, CallKind::kRealloc, site);
  if (moved == nullptr) return nullptr;
  copy_block(moved, header->block(), bytes < header->bytes() ? bytes : header->bytes());
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
    copy_block(moved, block, bytes < found->bytes() ? bytes : found->bytes());
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
  WEIR_OR_LIGHT(realloc(block, bytes));
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
  if (whole && bytes >= kMovesBelow && bytes <= kMaxBlockBytes && header->bytes() >= kMovesBelow &&
      header->alignment() == kHeaderBytes) {
    if (!pages::in_use || !pages::wanted(bytes, kHeaderBytes, CallKind::kRealloc, site.ip))
      return resize(header, bytes, site);
    pages::keep_turn();
  }
  void* moved = move(header, bytes, site);
  if (__builtin_expect(moved == nullptr, 0)) return nullptr;  // a damaged block is told when it ends
  whole ? retire(header, IncidentCall::kRealloc, site) : give_up(header, IncidentCall::kRealloc, site);
  return moved;
}

WEIR_GUARDED void* memalign(std::size_t alignment, std::size_t bytes) {
  WEIR_OR_LIGHT(memalign(alignment, bytes));
  return allocate_aligned(alignment, bytes, Family::kAligned, CallKind::kMemalign, WEIR_CALL_SITE());
}

WEIR_GUARDED int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  WEIR_OR_LIGHT(posix_memalign(out, alignment, bytes));
  const int saved = errno;
  void* block =
      allocate_aligned(alignment, bytes, Family::kPosixMemalign, CallKind::kMemalign, WEIR_CALL_SITE());
  errno = block == nullptr ? ENOMEM : saved;  // as glibc, which POSIX would have left alone
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
  if (light::in_use) return light::memalign(fixed, bytes);
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
    WEIR_OR_LIGHT(name(bytes));                                                                       \
    const CallSite site = WEIR_CALL_SITE();                                                           \
    for (;;) {                                                                                        \
      if (void* block = allocate(bytes, family, call, site); __builtin_expect(block != nullptr, 1)) { \
        return block;                                                                                 \
      }                                                                                               \
      call_new_handler();                                                                             \
    }                                                                                                 \
  }                                                                                                   \
  WEIR_GUARDED void* name##_nothrow(std::size_t bytes) {                                              \
    WEIR_OR_LIGHT(name##_nothrow(bytes));                                                             \
    void* block = allocate(bytes, family, call, WEIR_CALL_SITE());                                    \
    return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow(symbol, bytes);              \
  }
WEIR_NEW(operator_new, Family::kNew, CallKind::kNew, "_ZnwmRKSt9nothrow_t")
WEIR_NEW(operator_new_array, Family::kNewArray, CallKind::kNewArray, "_ZnamRKSt9nothrow_t")

#define WEIR_NEW_ALIGNED(name, family, call, symbol)                                          \
  WEIR_GUARDED void* name(std::size_t bytes, std::size_t alignment) {                         \
    WEIR_OR_LIGHT(name(bytes, alignment));                                                    \
    const CallSite site = WEIR_CALL_SITE();                                                   \
    for (;;) {                                                                                \
      if (void* block = allocate_aligned(alignment, bytes, family, call, site)) return block; \
      call_new_handler();                                                                     \
    }                                                                                         \
  }                                                                                           \
  WEIR_GUARDED void* name##_nothrow(std::size_t bytes, std::size_t alignment) {               \
    WEIR_OR_LIGHT(name##_nothrow(bytes, alignment));                                          \
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
  if (pages::holds(block)) return pages::usable_size(block, WEIR_CALL_SITE());
  if (light::in_use) return tracked::usable_size(block);
  if (__builtin_expect(is_live_block(block), 1)) return GuardHeader::of(block)->bytes();
  return refuse(block, IncidentCall::kUsableSize, WEIR_CALL_SITE()) ? libc::usable_size_foreign(block) : 0;
}

}  // namespace weir::guarded
