// The heap under routes: each request goes where the rules say, each block back to where it came from.
//
// Two faces. `routed::allocate`, `deallocate`, … are what tracking stands on in place of the parent (`bytes`
// is what the program asked for, which the rules are about; what tracking adds is `way_bytes`). malloc, free
// and the others are the entry points' bodies in mode=pass with routes or stats, beside weir::passed's.
//
// Thread-safe; allocation is nullptr on failure and leaves errno alone in the first face, sets ENOMEM in the
// second. What a block belongs to is found from its address by two loads. Always inline where an entry point
// should end in one tail call.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "shim/base/options.hpp"
#include "shim/entry/passed_heap.hpp"
#include "shim/route/routes.hpp"
#include "shim/route/thread_cache.hpp"

namespace weir::routed {

// A request as it goes through registers: which call, and whether the memory must be zero.
struct How {
  CallKind call;
  bool zero;
};

// A request of more than kFineBytes, or of a thread without a cache.
void* allocate_coarse(std::size_t bytes, How how, std::uint64_t caller) noexcept;

// A place that has no free block: an empty bin, the parent, a lane, or a question to the rules.
void* allocate_at(ThreadCache* cache, Bin* bin, std::size_t bytes, How how, std::uint64_t caller) noexcept;

// A block in the upper half of the heap zone.
void deallocate_slowly(void* block) noexcept;
void deallocate_in_chunk(void* block) noexcept;

// Takes a block that its bin has no room for.
void overflow(ThreadCache* cache, BinIndex bin, void* block) noexcept;

// A block of the parent's, with stats=1.
void deallocate_counted(void* block) noexcept;

[[gnu::always_inline]] inline void* allocate(std::size_t bytes, CallKind call,
                                             std::uint64_t caller) noexcept {
  ThreadCache* cache = fast_cache;
  if (__builtin_expect(cache == nullptr || bytes > kFineBytes, 0)) {
    return allocate_coarse(bytes, {call, false}, caller);
  }
  Bin* bin = cache->ways[way_call(call)][fine_way_of(bytes)];
  void* block = bin->pop();
  if (__builtin_expect(block == nullptr, 0)) return allocate_at(cache, bin, bytes, {call, false}, caller);
  return block;
}

[[gnu::always_inline]] inline void* allocate_zeroed(std::size_t bytes, std::uint64_t caller) noexcept {
  ThreadCache* cache = fast_cache;
  if (__builtin_expect(cache == nullptr || bytes > kFineBytes, 0)) {
    return allocate_coarse(bytes, {CallKind::kCalloc, true}, caller);
  }
  Bin* bin = cache->ways[way_call(CallKind::kCalloc)][fine_way_of(bytes)];
  void* block = bin->pop();
  if (__builtin_expect(block == nullptr, 0)) {
    return allocate_at(cache, bin, bytes, {CallKind::kCalloc, true}, caller);
  }
  return std::memset(block, 0, bytes + way_bytes);
}

// The block lies in the upper half of the heap zone.
[[gnu::always_inline]] inline void deallocate_routed(void* block) noexcept {
  const std::uint16_t kind = tag_of(unit_of(block)).kind();
  ThreadCache* cache = fast_cache;
  if (__builtin_expect(kind - 1u < kFirstOtherKind - 1u && cache != nullptr, 1)) {
    if (__builtin_expect(!cache->bins()[kind].push(block), 0)) overflow(cache, kind, block);
    return;
  }
  if (kind == kChunkKind) return deallocate_in_chunk(block);
  return deallocate_slowly(block);
}

// `total` is what tracking gave the parent as its size; without routes it spares a look-up.
[[gnu::always_inline]] inline void deallocate_sized(void* block, std::size_t total) noexcept {
  if (__builtin_expect(is_routed(reinterpret_cast<std::uint64_t>(block)), 0)) return deallocate_routed(block);
  if (__builtin_expect(options.stats, 0)) return deallocate_counted(block);
  return parent::deallocate_sized(block, total);
}

inline void deallocate(void* block) noexcept {
  if (is_routed(reinterpret_cast<std::uint64_t>(block))) return deallocate_routed(block);
  if (options.stats) return deallocate_counted(block);
  return parent::deallocate(block);
}

// Of the heap zone's blocks: how many bytes may be used; 0 for what is none.
std::size_t granted_bytes(void* block) noexcept;

// `total` bytes instead of what the block has; at another address where the rules or the size say so. The
// request's bytes are what the program asks for. nullptr leaves the block as it was.
void* reallocate(void* block, std::size_t total, const Request& request) noexcept;
// Only where it lies; false, and nothing has changed, where the rules or the room say otherwise.
bool resize_in_place(void* block, std::size_t total, const Request& request) noexcept;

// Like allocate, with an alignment; `total` bytes are needed where the program asked for request.bytes.
void* allocate_aligned(const Request& request, std::size_t total) noexcept;

// The number of the rule that the block came by, kNoRule for the parent's.
unsigned rule_of_block(const void* block) noexcept;

// ---- the entry points' bodies

#define WEIR_CALLER_ADDRESS() reinterpret_cast<std::uint64_t>(__builtin_return_address(0))

__attribute__((noinline, cold)) inline void* fail() noexcept {
  errno = ENOMEM;
  return nullptr;
}

[[gnu::always_inline]] inline void* malloc(std::size_t bytes) noexcept {
  return allocate(bytes, CallKind::kMalloc, WEIR_CALLER_ADDRESS());
}

[[gnu::always_inline]] inline void* calloc(std::size_t count, std::size_t bytes) noexcept {
  std::size_t total;
  if (__builtin_mul_overflow(count, bytes, &total)) return fail();
  return allocate_zeroed(total, WEIR_CALLER_ADDRESS());
}

[[gnu::always_inline]] inline void free(void* block) noexcept {
  if (__builtin_expect(is_routed(reinterpret_cast<std::uint64_t>(block)), 1)) return deallocate_routed(block);
  if (__builtin_expect(options.stats, 0)) return deallocate_counted(block);
  return passed::free(block);
}

void* reallocate_for(void* block, std::size_t bytes, std::uint64_t caller) noexcept;
void* memalign_for(std::size_t alignment, std::size_t bytes, CallKind call, std::uint64_t caller) noexcept;
int posix_memalign_for(void** out, std::size_t alignment, std::size_t bytes, std::uint64_t caller) noexcept;

[[gnu::always_inline]] inline void* realloc(void* block, std::size_t bytes) noexcept {
  return reallocate_for(block, bytes, WEIR_CALLER_ADDRESS());
}
[[gnu::always_inline]] inline void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return memalign_for(alignment, bytes, CallKind::kMemalign, WEIR_CALLER_ADDRESS());
}
[[gnu::always_inline]] inline int posix_memalign(void** out, std::size_t alignment,
                                                 std::size_t bytes) noexcept {
  return posix_memalign_for(out, alignment, bytes, WEIR_CALLER_ADDRESS());
}

std::size_t usable_size(void* block) noexcept;

}  // namespace weir::routed
