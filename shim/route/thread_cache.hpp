// What a thread keeps for the routes: the free blocks of its pools, its lanes, and which way each request
// goes.
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

#include "shim/abi/route_rules.hpp"
#include "shim/route/arena.hpp"
#include "shim/route/central_lists.hpp"
#include "shim/route/route_counts.hpp"

namespace weir {

// Free blocks of one size class, linked through their first words.
struct Bin {
  void* head;
  std::int32_t room;    // how many more blocks it takes
  std::uint16_t limit;  // room and blocks together
  std::uint16_t most;   // what limit may grow to
};

// Sizes that have one way each: 16 bytes apart up to 1 KiB, then the classes of the pools.
inline constexpr std::size_t kFineBytes = 1024;
inline constexpr unsigned kFineWays = kFineBytes / kGranule + 1;
inline constexpr unsigned kFirstCoarseClass = class_of_size(kFineBytes + 1);
inline constexpr unsigned kWays = kFineWays + kSizeClasses - kFirstCoarseClass;

constexpr unsigned way_of(std::size_t bytes) noexcept {
  return bytes <= kFineBytes ? static_cast<unsigned>((bytes + kGranule - 1) / kGranule)
                             : kFineWays + class_of_size(bytes) - kFirstCoarseClass;
}

// Calls that have ways of their own; the others ask.
inline constexpr unsigned kWayCalls = 4;
constexpr unsigned way_call(CallKind call) noexcept {
  return call == CallKind::kMalloc ? 0 : call == CallKind::kCalloc ? 1 : call == CallKind::kNew ? 2 : 3;
}

struct SiteSlot {
  std::uint64_t return_address;
  RuleMask rules;
  std::uint32_t epoch;
};
inline constexpr unsigned kSiteSlots = 256;

struct ThreadCache {
  Bin* ways[kWayCalls][kWays];
  // For a way that asks because rules want to know the call site: those that hold otherwise; 0 to ask in
  // full.
  RuleMask candidates[kWayCalls][kWays];
  RuleMask thread_rules;  // those whose condition on the thread holds
  bool in_use;
  bool working;             // inside a slow path: a signal handler that allocates now goes to the parent
  std::atomic<bool> stale;  // the thread has another name now
  std::uint64_t thread;     // the thread control block
  ThreadCache* next_free;
  void* deferred;  // blocks that a signal handler freed while `working`
  Lane* lanes;     // by rule
  Bin* end_of_bins;
  SiteSlot sites[kSiteSlots];
  RouteCounts counts[kMostRules + 1];

  // Behind this struct. [0] asks; the pools' by their BinIndex; the parent's; a lane's for each rule.
  Bin* bins() noexcept { return reinterpret_cast<Bin*>(this + 1); }
};

// The calling thread's; nullptr before its first request, after its last, and in the process that counts
// (stats=1), where each request takes the slow way.
extern __thread ThreadCache* fast_cache __attribute__((tls_model("initial-exec")));

// The calling thread's cache, made if it has none yet; nullptr where it can have none (thread at its end,
// signal handler inside a slow path, no memory).
ThreadCache* thread_cache() noexcept;

// Whether the calling thread is inside a slow path: a signal handler that frees then leaves the block in
// `deferred`.
ThreadCache* interrupted_cache() noexcept;

// Which rules' conditions on the call site hold. `cache` may be nullptr.
RuleMask rules_of_site(std::uint64_t return_address, ThreadCache* cache) noexcept;

// Makes the ways anew if the thread's name has changed.
void refresh_ways(ThreadCache& cache) noexcept;

// The thread whose control block lies at `thread` may have another name.
void note_thread_renamed(std::uint64_t thread) noexcept;

// Which rules' condition on the thread holds for the calling one.
RuleMask rules_of_this_thread() noexcept;

// Gives everything back that the thread keeps. At its end, after its last destructor.
void end_thread_cache() noexcept;

// Puts free blocks of the calling thread back (malloc_trim).
void flush_thread_cache() noexcept;

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
