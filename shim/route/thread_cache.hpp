// What a thread keeps for the routes: the free blocks of its pools, its lanes,
// and which way each request goes.
//
// `ways` answers for a call and a size with one load: a bin of a pool (whose first free block is the answer),
// or one of the places that are always empty and mean something else: the parent, a lane, or "ask the rules".
// It is made from the rules once the thread's name is known, so that rules by size, call and thread cost
// nothing, and made anew when the name changes.
//
// Belongs to one thread; what is said to be for fork, exit or another thread takes the lock. Caches are never
// unmapped. Never calls malloc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "shim/abi/route_rules.hpp"
#include "shim/route/arena.hpp"
#include "shim/route/central_lists.hpp"
#include "shim/route/route_counts.hpp"

namespace weir {

// Free blocks of one size class: a stack of pointers above one that is nullptr, so that an empty bin is found
// by the load that takes a block. (Blocks linked through their first words were 2 ns a pair slower: the link
// is a third store that a load waits for.)
struct Bin {
  void** top;  // the newest, or the nullptr at the bottom
  void** end;  // the stack's room ends before here

  // nullptr where there is none.
  void* pop() noexcept {
    void* const block = *top;
    if (__builtin_expect(block != nullptr, 1)) --top;
    return block;
  }

  // False where there is no room.
  bool push(void* block) noexcept {
    void** const at = top + 1;
    if (__builtin_expect(at == end, 0)) return false;
    *at = block;
    top = at;
    return true;
  }
};

// A bin that gives nothing and takes nothing: of places that are no bins, and of one whose stack is being
// changed, for a signal handler that comes just then.
extern void* no_block;
inline const Bin kNoBin{&no_block, &no_block + 1};

// What only the slow paths need of a bin.
struct BinRoom {
  void** bottom;
  std::uint16_t limit;  // how many it takes now
  std::uint16_t most;   // and at most
};

// Sizes that have one way each: 16 bytes apart up to 1 KiB, then the classes of the pools.
inline constexpr std::size_t kFineBytes = 1024;
inline constexpr unsigned kFineWays = kFineBytes / kGranule + 1;
inline constexpr unsigned kFirstCoarseClass = class_of_size(kFineBytes + 1);
inline constexpr unsigned kWays = kFineWays + kSizeClasses - kFirstCoarseClass;

constexpr unsigned fine_way_of(std::size_t bytes) noexcept {
  return static_cast<unsigned>((bytes + kGranule - 1) / kGranule);
}
constexpr unsigned way_of(std::size_t bytes) noexcept {
  return bytes <= kFineBytes ? fine_way_of(bytes) : kFineWays + class_of_size(bytes) - kFirstCoarseClass;
}

// Calls that have ways of their own; the others ask.
inline constexpr CallKind kWayCall[] = {CallKind::kMalloc, CallKind::kCalloc, CallKind::kRealloc,
                                        CallKind::kNew, CallKind::kNewArray};
inline constexpr unsigned kWayCalls = std::size(kWayCall);
constexpr unsigned way_call(CallKind call) noexcept {
  return static_cast<unsigned>(call) - (call > CallKind::kMemalign ? 1 : 0);
}
static_assert(kWayCall[way_call(CallKind::kNewArray)] == CallKind::kNewArray);

// Where requests of one way from one call site go: the bin. Forgotten when call_site_epoch moves.
struct SiteSlot {
  std::uint64_t key;  // return address and way; 0 is none
  Bin* bin;
};
inline constexpr unsigned kSiteSlots = 2048;
inline constexpr unsigned kSiteWays = 4;  // slots in which one key may be

constexpr std::uint64_t site_key(std::uint64_t return_address, unsigned call, unsigned way) noexcept {
  return return_address | std::uint64_t{call * kWays + way + 1} << 48;
}
static_assert(kWayCalls * kWays < 1 << 16);

struct ThreadCache {
  Bin* ways[kWayCalls][kWays];
  // For a way that asks because rules want to know the call site: those that hold otherwise;
  // 0 to ask in full.
  RuleMask candidates[kWayCalls][kWays];
  RuleMask thread_rules;  // those whose condition on the thread holds
  bool in_use;
  bool working;             // inside a slow path: a signal handler that allocates now goes to the parent
  std::atomic<bool> stale;  // the thread has another name now
  std::uint64_t thread;     // the thread control block
  ThreadCache* next_free;
  void* deferred;   // blocks that a signal handler freed while `working`
  Lane* lanes;      // by rule
  BinRoom* rooms;   // by BinIndex
  SiteSlot* sites;  // kSiteSlots of them, where rules ask for the call site
  std::uint32_t site_epoch;
  Bin* asks_site;  // of the bins; those behind it are the lanes'
  RouteCounts counts[kMostRules + 1];

  // Behind this struct. [0] asks the rules; the pools' by their BinIndex; the parent's; the one that asks for
  // the call site; and a lane's for each rule.
  Bin* bins() noexcept { return reinterpret_cast<Bin*>(this + 1); }
};

// The calling thread's; nullptr before its first request, after its last, and in the process that counts
// (stats=1), where each request takes the slow way.
extern __thread ThreadCache* fast_cache __attribute__((tls_model("initial-exec")));

// The calling thread's cache, made if it has none yet; nullptr where it can have none (thread at its end,
// signal handler inside a slow path, no memory).
ThreadCache* thread_cache() noexcept;

// Whether the calling thread is inside a slow path: a signal handler that frees then leaves the block
// in `deferred`.
ThreadCache* interrupted_cache() noexcept;

// The first of the slots in which the key may be.
inline SiteSlot* site_slots(ThreadCache& cache, std::uint64_t key) noexcept {
  static_assert(kSiteSlots == kSiteWays << (64 - 55));
  return cache.sites + kSiteWays * (key * 0x9e3779b97f4a7c15u >> 55);
}

// The bin, or the place, for a way that asks because of call sites; remembered. The bin that asks in full
// where the rules lead to nothing that a bin stands for.
Bin* find_site_bin(ThreadCache& cache, std::uint64_t key, std::uint64_t return_address, CallKind call,
                   std::size_t bytes) noexcept;

// Makes the ways anew if the thread's name has changed.
void refresh_ways(ThreadCache& cache) noexcept;

// The thread whose control block lies at `thread` may have another name.
void note_thread_renamed(std::uint64_t thread) noexcept;

// Which rules' condition on the thread holds for the calling one.
RuleMask rules_of_this_thread() noexcept;

// Gives everything back that the thread keeps. At its end, after its last destructor.
void end_thread_cache() noexcept;

// Puts the free blocks of the calling thread's cache back (malloc_trim).
void flush_thread_cache(ThreadCache& cache) noexcept;

// Over a fork: as if the calling thread were in a slow path.
void set_working(bool working) noexcept;

// In a fork's child: what other threads kept is everybody's.
void adopt_other_caches() noexcept;

// Calls visit(cache) for each thread's, under the lock.
template <typename Visit>
void for_each_cache(Visit&& visit) noexcept;

void lock_caches() noexcept;
void unlock_caches() noexcept;
std::uint32_t cache_count() noexcept;
ThreadCache& cache_at(std::uint32_t index) noexcept;

template <typename Visit>
void for_each_cache(Visit&& visit) noexcept {
  lock_caches();
  for (std::uint32_t i = cache_count(); i-- != 0;) {
    if (cache_at(i).in_use) visit(cache_at(i));
  }
  unlock_caches();
}

}  // namespace weir
