#include "shim/track/tracked_heap.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/pages.hpp"
#include "shim/base/copy_block.hpp"
#include "shim/base/zones.hpp"
#include "shim/entry/new_handler.hpp"
#include "shim/guard/bad_pointer.hpp"
#include "shim/guard/guard_calls.hpp"
#include "shim/life/libc.hpp"
#include "shim/life/thread_state.hpp"
#include "shim/parent/parent.hpp"
#include "shim/route/routed_heap.hpp"
#include "shim/track/freed_bytes.hpp"
#include "shim/track/program_caller.hpp"
#include "shim/track/stack_observer.hpp"
#include "shim/track/thread_section.hpp"

// Entry points tail-call these functions; each finds its caller above its own frame pointer.
#define WEIR_TRACKED __attribute__((noinline))
#define WEIR_COLD __attribute__((noinline, cold))

namespace weir::tracked {
namespace {

constexpr unsigned kPlainShift = 4;  // log2(kHeaderBytes): the header alone lies before the block

void* fail() noexcept {
  errno = ENOMEM;
  return nullptr;
}

// The id of the caller's stack, and the allocation counted.
inline StackId note_allocation(const CallSite& site, std::uint64_t bytes, Family& family, CallKind call,
                               std::size_t alignment = kGranule) noexcept {
  ThreadState* t = enter();
  if (__builtin_expect(t == nullptr, 0)) return note_without_state(site, bytes, family);
  count_allocation(t->counts, bytes);
  StackId stack = t->memo.stack_of(site);
  observe_stack(site, stack);
  stack = with_tag(*t, stack, site, bytes, alignment, call);
  leave(t);
  return stack;
}

// What is asked of the parent for a block with its header.
[[gnu::always_inline]] inline std::size_t with_header(std::size_t bytes) noexcept {
  return __builtin_expect(bytes != 0, 1) ? bytes + kHeaderBytes : kLeastUsable + kHeaderBytes;
}

__attribute__((noinline)) void* take_routed(std::size_t bytes, CallKind call, std::uint64_t caller) noexcept {
  return routed::allocate(bytes, call, caller);
}
__attribute__((noinline)) void* take_routed_zeroed(std::size_t bytes, std::uint64_t caller) noexcept {
  return routed::allocate_zeroed(bytes, caller);
}

// Where the block itself comes from: the parent, or where the rules say.
[[gnu::always_inline]] inline void* take_block(std::size_t bytes, CallKind call,
                                               const CallSite& site) noexcept {
  if (__builtin_expect(routing, 0)) return take_routed(bytes, call, program_caller(site.ip));
  return parent::allocate(with_header(bytes));
}

// Inlined, as is the next, so that every function that the program reaches takes its stack at a place of its
// own (tests/oracle counts on it), and the common way has no further call.
[[gnu::always_inline]] inline void* allocate(std::size_t bytes, Family family, CallKind call,
                                             const CallSite& site) noexcept {
  if (__builtin_expect(bytes > kMaxBlockBytes, 0)) return fail();
  auto* header = static_cast<BlockHeader*>(take_block(bytes, call, site));
  if (__builtin_expect(header == nullptr, 0)) return nullptr;
  const StackId stack = note_allocation(site, bytes, family, call);
  header->stamp(bytes, kPlainShift, family, stack);
  return header->block();
}

// The header lies in the gap of one alignment unit before the block.
[[gnu::always_inline]] inline void* allocate_aligned(std::size_t alignment, std::size_t bytes, Family family,
                                                     CallKind call, const CallSite& site) noexcept {
  if (alignment <= kHeaderBytes && !routing) return allocate(bytes, family, call, site);
  if (alignment < kHeaderBytes) alignment = kHeaderBytes;
  if (bytes > kMaxBlockBytes || alignment > kMaxBlockBytes) return fail();
  auto* base = static_cast<char*>(
      routing ? routed::allocate_aligned({bytes, alignment, call, program_caller(site.ip)}, bytes + alignment)
              : parent::allocate_aligned(alignment, with_header(bytes) - kHeaderBytes + alignment));
  if (base == nullptr) return fail();  // jemalloc's memalign leaves errno alone
  const StackId stack = note_allocation(site, bytes, family, call, alignment);
  BlockHeader* header = BlockHeader::of(base + alignment);
  header->stamp(bytes, static_cast<unsigned>(__builtin_ctzll(alignment)), family, stack);
  return header->block();
}

// A block in our zone whose header does not authenticate: freed already, or never a block, or its header was
// overwritten. Handing it to the parent would corrupt the heap: it is reported, which ends the process as glibc does,
// or else is left alone.
WEIR_COLD void refuse(void* block, IncidentCall call, const CallSite& site) noexcept {
  heap_totals.bad_frees.fetch_add(1, std::memory_order_relaxed);
  report_untracked_pointer(block, call, stack_for_report(site));
}

// All that the program may have written to.
std::uint64_t granted_bytes(BlockHeader& header) noexcept {
  void* const base = header.parent_block();
  return (routing ? routed::granted_bytes(base) : parent::usable_size(base)) - header.offset();
}

inline void release(BlockHeader* header) noexcept {
  const std::uint64_t bytes = header->bytes();
  const Family family = header->family();
  void* base = header->parent_block();
  const std::uint64_t used = __builtin_expect(used_bytes != nullptr, 0) ? granted_bytes(*header) : bytes;
  header->kill();
  clear_freed_bytes(header->block(), used);
  note_free(bytes, family);
  if (__builtin_expect(routing, 0)) return routed::deallocate(base);
  if (__builtin_expect(base == header, 1)) {
    parent::deallocate_sized(base, with_header(bytes));
  } else {
    parent::deallocate(base);
  }
}

// Grows or shrinks it where it lies.
inline bool resize(BlockHeader* header, std::size_t bytes, const CallSite& site) noexcept {
  if (!routing) return parent::resize(header, bytes + kHeaderBytes);
  return routed::resize_in_place(header, bytes + kHeaderBytes,
                                 {bytes, kGranule, CallKind::kRealloc, program_caller(site.ip)});
}

// A block that has another size now, and from another place.
inline void* stamp_again(BlockHeader* header, std::size_t bytes, const CallSite& site) noexcept {
  note_free(header->bytes(), header->family());
  Family family = Family::kMalloc;
  const StackId stack = note_allocation(site, bytes, family, CallKind::kRealloc);
  const auto shift = static_cast<unsigned>(__builtin_ctzll(header->offset()));
  header->stamp_again(bytes, shift, family, stack);
  return header->block();
}

// What a block that shrinks has no more. Up to a multiple of 16 it is still the block's.
inline void clear_rest(BlockHeader* header, std::uint64_t bytes, std::uint64_t old_bytes) noexcept {
  auto* const start = static_cast<char*>(header->block());
  const std::uint64_t from = round_up(bytes, kHeaderBytes);
  std::memset(start + bytes, 0, (from < old_bytes ? from : old_bytes) - bytes);
  if (from < old_bytes) clear_freed_bytes(start + from, old_bytes - from);
}

// Called by a tail call, so that its caller is the program.
WEIR_COLD void free_unusual(void* block) noexcept {
  if (block == nullptr) return;
  if (!heap_zone.holds(block)) return libc::free_foreign(block);
  BlockHeader* header = BlockHeader::of(block);
  if (!header->is_live()) return refuse(block, IncidentCall::kFree, WEIR_CALL_SITE());
  release(header);  // the heap zone could not be had: it lies elsewhere
}

WEIR_COLD void* realloc_foreign(void* block, std::size_t bytes, const CallSite& site) noexcept {
  if (!heap_zone.holds(block)) return libc::realloc_foreign(block, bytes);
  refuse(block, IncidentCall::kRealloc, site);
  return fail();
}

}  // namespace

WEIR_TRACKED void* malloc(std::size_t bytes) {
  return allocate(bytes, Family::kMalloc, CallKind::kMalloc, WEIR_CALL_SITE());
}

WEIR_TRACKED void* calloc(std::size_t count, std::size_t bytes) {
  std::size_t total;
  if (__builtin_mul_overflow(count, bytes, &total) || total > kMaxBlockBytes) return fail();
  const CallSite site = WEIR_CALL_SITE();
  auto* header = static_cast<BlockHeader*>(routing ? take_routed_zeroed(total, program_caller(site.ip))
                                                   : parent::allocate_zeroed(with_header(total)));
  if (header == nullptr) return nullptr;
  Family family = Family::kMalloc;
  const StackId stack = note_allocation(site, total, family, CallKind::kCalloc);
  header->stamp(total, kPlainShift, family, stack);
  return header->block();
}

WEIR_TRACKED void free(void* block) {
  BlockHeader* header = BlockHeader::of(block);
  if (__builtin_expect(!heap_zone.has_in_place(block) || !header->is_live(), 0)) return free_unusual(block);
  release(header);
}

WEIR_TRACKED void* realloc(void* block, std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  if (block == nullptr) return allocate(bytes, Family::kMalloc, CallKind::kRealloc, site);
  BlockHeader* header = BlockHeader::of(block);
  if (!heap_zone.holds(block) || !header->is_live()) return realloc_foreign(block, bytes, site);
  if (bytes == 0) {  // glibc frees
    release(header);
    return nullptr;
  }
  if (bytes > kMaxBlockBytes) return fail();
  const std::uint64_t old_bytes = header->bytes();
  if (bytes < old_bytes) clear_rest(header, bytes, old_bytes);
  if (header->parent_block() == header && resize(header, bytes, site))
    return stamp_again(header, bytes, site);
  // Aligned ones as well: glibc does not keep the alignment either. Both blocks are whole until the new one has
  // everything: a signal handler may end the process here, and the leak check look at what they hold.
  void* moved = allocate(bytes, Family::kMalloc, CallKind::kRealloc, site);
  if (moved == nullptr) {
    if (bytes > old_bytes) return fail();
    return stamp_again(header, bytes, site);  // as large as it is, it can always be smaller
  }
  const std::size_t usable = granted_bytes(*header);
  copy_block(moved, block, bytes < usable ? bytes : usable);
  release(header);
  return moved;
}

WEIR_TRACKED void* memalign(std::size_t alignment, std::size_t bytes) {
  return allocate_aligned(alignment, bytes, Family::kAligned, CallKind::kMemalign, WEIR_CALL_SITE());
}

WEIR_TRACKED int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  const int saved = errno;
  void* block = allocate_aligned(alignment, bytes, Family::kAligned, CallKind::kMemalign, WEIR_CALL_SITE());
  errno = block == nullptr ? ENOMEM : saved;  // as glibc, which POSIX would have left alone
  if (block == nullptr) return ENOMEM;
  *out = block;
  return 0;
}

WEIR_TRACKED void* operator_new(std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  for (;;) {
    if (void* block = allocate(bytes, Family::kNew, CallKind::kNew, site);
        __builtin_expect(block != nullptr, 1))
      return block;
    call_new_handler();
  }
}

WEIR_TRACKED void* operator_new_array(std::size_t bytes) {
  const CallSite site = WEIR_CALL_SITE();
  for (;;) {
    if (void* block = allocate(bytes, Family::kNewArray, CallKind::kNewArray, site);
        __builtin_expect(block != nullptr, 1))
      return block;
    call_new_handler();
  }
}

WEIR_TRACKED void* operator_new_nothrow(std::size_t bytes) {
  void* block = allocate(bytes, Family::kNew, CallKind::kNew, WEIR_CALL_SITE());
  return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow("_ZnwmRKSt9nothrow_t", bytes);
}

WEIR_TRACKED void* operator_new_array_nothrow(std::size_t bytes) {
  void* block = allocate(bytes, Family::kNewArray, CallKind::kNewArray, WEIR_CALL_SITE());
  return __builtin_expect(block != nullptr, 1) ? block : retry_nothrow("_ZnamRKSt9nothrow_t", bytes);
}

#define WEIR_NEW_ALIGNED(name, family, call, symbol)                                          \
  WEIR_TRACKED void* name(std::size_t bytes, std::size_t alignment) {                         \
    const CallSite site = WEIR_CALL_SITE();                                                   \
    for (;;) {                                                                                \
      if (void* block = allocate_aligned(alignment, bytes, family, call, site)) return block; \
      call_new_handler();                                                                     \
    }                                                                                         \
  }                                                                                           \
  WEIR_TRACKED void* name##_nothrow(std::size_t bytes, std::size_t alignment) {               \
    void* block = allocate_aligned(alignment, bytes, family, call, WEIR_CALL_SITE());         \
    if (__builtin_expect(block != nullptr, 1)) return block;                                  \
    return retry_nothrow_aligned(symbol, bytes, alignment);                                   \
  }
WEIR_NEW_ALIGNED(operator_new_aligned, Family::kNew, CallKind::kNew, "_ZnwmSt11align_val_tRKSt9nothrow_t")
WEIR_NEW_ALIGNED(operator_new_array_aligned, Family::kNewArray, CallKind::kNewArray,
                 "_ZnamSt11align_val_tRKSt9nothrow_t")

WEIR_TRACKED std::size_t usable_size(void* block) {
  if (block == nullptr) return 0;
  BlockHeader* header = BlockHeader::of(block);
  if (!heap_zone.holds(block)) return libc::usable_size_foreign(block);
  if (!header->is_live()) return 0;
  __atomic_store_n(&used_bytes, &granted_bytes, __ATOMIC_RELAXED);  // who asks may use it
  return granted_bytes(*header);
}

void end_blocks(char* start, char* end) noexcept {
  auto* header = reinterpret_cast<BlockHeader*>(start);
  auto* const last = reinterpret_cast<BlockHeader*>(end) - 1;
  for (; header <= last; ++header) {
    if (!header->is_live()) continue;
    note_free(header->bytes(), header->family());
    header->kill();
    clear_freed_bytes(header->block(), header->bytes());
  }
}

}  // namespace weir::tracked
