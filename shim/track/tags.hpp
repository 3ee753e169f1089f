// Tags: names of subsystems that a program puts on what it allocates (weir_tag_push in weir.h).
//
// A name becomes a number for good, the same for all threads. What a thread allocates between push and pop has the tag
// pushed last; the tag is part of the block's stack (StackDepot::tagged), so blocks need no room for it, and a thread
// without tags pays one compare.
#pragma once

#include <string_view>

#include "shim/abi/route_words.hpp"
#include "shim/unwind/stack_depot.hpp"

namespace weir {

inline constexpr unsigned kMostTagBytes = kLongestTag;  // longer names are cut
inline constexpr unsigned kMostTagDepth = 32;  // of pushes within each other; those beyond only count

// The tag of a thread that has pushed none, where rules of WEIR_ROUTES have tags: that of the rule, if any.
inline constexpr BlockTag kTagByRule = 0xffff;
static_assert(kMostTags <= kTagByRule);

// The tags that a thread has pushed.
struct TagStack {
  BlockTag current;  // of what it allocates now
  std::uint16_t depth;
  BlockTag before[kMostTagDepth];  // the current one at each push

  void push(BlockTag tag) noexcept;
  bool pop() noexcept;  // false: there is none
};

// The number of a name, which is entered when it is new. kNoTag for an empty name, and for a new one where there are
// kMostTags already, or `nested`: from a signal handler that interrupted weir itself. Lock-free where it is known.
BlockTag tag_by_name(std::string_view name, bool nested) noexcept;

unsigned tag_count() noexcept;  // numbers are 1 … tag_count() - 1
std::string_view name_of_tag(BlockTag tag) noexcept;

void lock_tags_for_fork() noexcept;
void unlock_tags_after_fork() noexcept;

}  // namespace weir
