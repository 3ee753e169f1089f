// The blocks of guard=page and guard=page-front: each ends, or begins, at a page without access, so that the
// instruction that goes past it is stopped; freed, all of it has no access, and so has a block of no bytes.
//
//   page        … no access | canary, block, slack | no access …   the end is as near as the alignment allows
//   page-front  … no access | block, canary        | no access …
//
// What of its pages a block does not fill holds canary bytes, which are looked at when it is freed: the slack
// of up to alignment - 1 bytes behind a block, the rest of its first page before it. Alignment is what was
// asked for, and 16 for malloc and its like however small the block: programs keep marks in those bits.
//
// A live block is one mapping. Of a freed one the facts stay (page_slots), for as many later frees as the
// quarantine holds. Its pages go back to the system, unless they are few and not many others are kept: then
// they only lose their access, as one mapping, until the slot's next block has them. That is four times as
// fast: nothing is made or torn down for it, no page is found, cleared and accounted for.
//
// The system calls read and write fail with EFAULT where they reach such a page; they raise no signal.
//
// Thread-safe, async-signal-safe, never calls malloc. allocate and release are a system call each, and the
// first touch of each page that was not kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/guard/page_slots.hpp"

namespace weir::pages {

// Bytes that are not what the guard wrote: from `first` to `last`, offsets from the block's start, inclusive.
// count == 0: none.
struct PageDamage {
  std::int64_t first, last;
  std::uint64_t count;
};

struct PageCounts {
  std::uint64_t made;      // page blocks, ever
  std::uint64_t live;      // page blocks now
  std::uint64_t mappings;  // of guard_mappings in use
  std::uint64_t refused;   // blocks that got no page for want of mappings or memory
};

// Before the first block: the options in force.
void set_up_blocks() noexcept;

// A zeroed block (but for its canaries); nullptr when the budget or the memory is used up, then a canary
// block has to do. `alignment` is a power of two.
void* allocate(std::size_t bytes, std::size_t alignment, const PageCall& made) noexcept;

// The live or freed block that the address belongs to: inside of it, or in its slot. nullptr where none was.
// A pointer is the block's own where it equals `start`.
PageBlock* find(const void* address) noexcept;

// What was written beside a live block, in front of it and behind.
PageDamage damage_in_front(const PageBlock& block) noexcept;
PageDamage damage_behind(const PageBlock& block) noexcept;

// The byte that the guard wrote at this address of the block's pages, outside of the block.
unsigned char canary_at(const PageBlock& block, std::uint64_t address) noexcept;

// Ends a live block: its pages have no access from here on. False when somebody else has ended it meanwhile.
bool release(PageBlock& block, const PageCall& freed) noexcept;

// Maps the page of the address, after a report with on_error=continue: it stays open as long as its slot
// holds this block, and that slot is not used again. False when there is no memory for it.
bool open_page(PageBlock& block, std::uint64_t address) noexcept;

PageCounts page_counts() noexcept;

// Visits all live blocks, ascending by address. Others may come and go meanwhile: only while all stands still
// it is all of them, and only then their bytes may be read.
template <typename Visit>
void for_each_live(Visit&& visit) noexcept {
  for (const PageRegion* region : {&small_slots, &large_slots}) {
    for (std::uint32_t i = 0; i < region->count(); ++i) {
      if ((*region)[i].is_live()) visit((*region)[i]);
    }
  }
}

// A fork's moments.
void lock_for_fork() noexcept;
void unlock_after_fork() noexcept;

}  // namespace weir::pages
