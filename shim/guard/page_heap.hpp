// The part of the guarded heap whose blocks lie on pages of their own: what guarded_heap asks here, and what
// is checked when such a block ends.
//
// Thread-safe. Signal handlers in the middle of weir's own work get canary blocks. Never calls malloc.
#pragma once

#include <cstddef>

#include "shim/guard/ending.hpp"
#include "shim/guard/page_blocks.hpp"
#include "shim/guard/page_choice.hpp"
#include "shim/unwind/stack_memo.hpp"

namespace weir::pages {

// guard=page or page-front. Fixed by set_up.
extern bool in_use;

// Before the first allocation. It does nothing for guard=canary.
void set_up() noexcept;

// In the constructor: the handler.
void begin() noexcept;

// A block that wanted() chose, noted and counted; `fill` of its bytes are set to malloc_fill_byte. nullptr:
// it gets canaries, and nothing is noted.
void* make(std::size_t bytes, std::size_t alignment, Family family, CallKind call, const CallSite& site,
           std::size_t fill) noexcept;

// The live block that begins at `block`, an address for which holds() is true, with what is wrong about the
// call or around the block reported. nullptr: reported too, and nothing is to be done.
PageBlock* check(const void* block, const guarded::Ending& how, const CallSite& site) noexcept;

// Ends what check() gave.
void retire(PageBlock& block, const CallSite& site) noexcept;

// Bytes as asked for; 0, with a report, where no live block begins.
std::size_t usable_size(const void* block, const CallSite& site) noexcept;

// free and delete.
inline void end(void* block, const guarded::Ending& how, const CallSite& site) noexcept {
  if (PageBlock* found = check(block, how, site); found != nullptr) retire(*found, site);
}

}  // namespace weir::pages
