// The places of guard=page's blocks: slots of the page zone,
// each with what is known of its present or last block.
//
// A slot is a run of pages of which at least one is never mapped. It is cut once, behind the last one, and
// keeps its size: slots of one size form a queue when their blocks are freed, and the one that was freed
// first is used first, once as many blocks were freed after it as the quarantine holds. Until then, and until
// it is used again, the freed block's facts are there to be named. Where the zone has no more room, the
// oldest goes earlier. Sizes have two steps a doubling: what rounding takes is address space only.
//
// Slots below 2 MiB and above are two regions: the table that leads from an address to its slot has an entry
// a page in the one and an entry 2 MiB in the other. Slots never go, so facts can be read at any time without
// a lock; what another thread is changing just then may be seen half.
//
// Every 2 MiB of small slots cost one mapping, which keeps the system's table for them.
//
// Thread-safe, async-signal-safe, never calls malloc. O(1). Memory from the table zone: 80 bytes a slot and 4
// a page or 2 MiB.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/pages.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/page_zone.hpp"
#include "shim/track/block_header.hpp"

namespace weir::pages {

// kEnding: between the call that frees the block and the moment at which its pages are gone.
enum class PageState : std::uint8_t { kNone = 0, kLive = 1, kEnding = 2, kFreed = 3 };

inline constexpr unsigned kPageShift = 12;

constexpr std::uint64_t first_page(std::uint64_t address) noexcept {
  return address & ~(std::uint64_t{kPageSize} - 1);
}
constexpr std::uint64_t page_behind(std::uint64_t start, std::uint64_t bytes) noexcept {
  return bytes == 0 ? first_page(start) : round_up(start + bytes, kPageSize);
}

// What the call that makes a block knows, and the call that frees it.
struct PageCall {
  Family family = Family::kMalloc;  // of a block that is made
  StackId stack = 0;
  std::uint64_t meta = 0;  // see page_meta
};

// A GuardMeta in one word.
constexpr std::uint64_t page_meta(std::uint32_t thread, std::uint32_t ticks) noexcept {
  return thread | std::uint64_t{ticks} << 32;
}

// A slot and its block. `header` names size, family, stack and generation as it does
// in front of other blocks.
struct PageBlock {
  BlockHeader header;
  std::uint64_t start;
  std::uint64_t made_meta, freed_meta;
  std::uint64_t slot_start;
  std::uint64_t freed_as;  // it was this process's so-manieth to be freed
  std::uint32_t slot_pages;
  std::uint32_t next;  // in the queue of freed slots, from 1 on
  StackId freed_stack;
  std::uint32_t leak_index;  // the leak check's own
  std::uint8_t log2_alignment;
  std::atomic<PageState> state;
  std::atomic<bool> told;    // what was written beside it has been reported
  std::atomic<bool> opened;  // a report left pages open that had no access (on_error=continue)
  std::atomic<bool> kept;    // freed, its pages are still mapped, without access

  PageState stage() const noexcept { return state.load(std::memory_order_acquire); }
  bool is_live() const noexcept { return stage() == PageState::kLive; }
  std::uint64_t bytes() const noexcept { return header.bytes(); }
  std::uint64_t end() const noexcept { return start + bytes(); }
  std::uint64_t alignment() const noexcept { return std::uint64_t{1} << log2_alignment; }
  std::uint64_t slot_end() const noexcept { return slot_start + slot_pages * kPageSize; }
  // The pages that can be accessed while it lives; none for a block of no bytes.
  std::uint64_t pages_start() const noexcept { return first_page(start); }
  std::uint64_t pages_end() const noexcept { return page_behind(start, bytes()); }
};

// A lock whose holder is known: a signal handler that comes in the middle, on the same thread, sees that it
// must not wait.
class OwnedLock {
 public:
  // False where this very thread holds it already.
  bool lock() noexcept;
  void unlock() noexcept { holder_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::uint64_t> holder_{0};
};

class PageRegion {
 public:
  constexpr PageRegion(std::uint64_t base, unsigned grain_shift) noexcept
      : base_(base), grain_shift_(grain_shift), next_(base + (std::uint64_t{1} << grain_shift)) {}

  // A slot of at least `pages`, freed `quarantine` blocks ago or never used. nullptr when there is none.
  // Under the lock.
  PageBlock* take(std::uint64_t pages, std::uint64_t freed_blocks, std::uint64_t quarantine) noexcept;
  // Under the lock.
  void give(PageBlock& block) noexcept;

  // The slot that the address lies in, or nullptr.
  PageBlock* find(std::uint64_t address) const noexcept;
  // The last slot that begins at or before the address; nullptr where none does. O(log n).
  PageBlock* last_from(std::uint64_t address) const noexcept;
  // The slots beside it; nullptr where there is none.
  PageBlock* before(const PageBlock& block) const noexcept;
  PageBlock* behind(const PageBlock& block) const noexcept;

  // Whether the address is one that slots have been given; those are handed out in order.
  bool has_taken(std::uint64_t address) const noexcept {
    return address < __atomic_load_n(&next_, __ATOMIC_RELAXED);
  }

  std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }
  PageBlock& operator[](std::uint32_t i) const noexcept { return blocks_[i]; }  // ascending addresses

 private:
  static constexpr unsigned kClasses = 96;
  struct Queue {
    std::uint32_t first, last;  // from 1 on; 0: empty
  };

  void pin_table(std::uint64_t bytes) noexcept;
  PageBlock* cut(std::uint64_t pages) noexcept;
  PageBlock* take_first(Queue& queue) noexcept;

  const std::uint64_t base_;
  const unsigned grain_shift_;
  std::uint64_t next_;
  std::atomic<std::uint32_t> count_{0};
  GrowingTable<PageBlock> blocks_;
  GrowingTable<std::uint32_t> owners_;  // by grain: the slot, from 1 on
  Queue queues_[kClasses]{};
};

// A leak check reads live blocks: what a thread that did not stand still frees from now on stays mapped, and
// its slot unused. For the rest of this process; the check is its last act, or a child's.
extern std::atomic<bool> keep_mapped;

extern OwnedLock slots_lock;
extern PageRegion small_slots;
extern PageRegion large_slots;

inline PageRegion& region_of(std::uint64_t address) noexcept {
  return address - kPageZoneBase < kPageZoneSpan / 2 ? small_slots : large_slots;
}

// A slot for so many pages, as PageRegion::take.
PageBlock* take_slot(std::uint64_t pages, std::uint64_t quarantine) noexcept;

// The block of this slot is freed, or never came to be. A signal handler inside of take_slot may call it.
void give_slot(PageBlock& block) noexcept;

}  // namespace weir::pages
