// Every distinct stack once, for good, behind a 28-bit id.
//
// A stack is stored outermost first in chunks of kChunk frames: a stack's own node holds the innermost 1 to
// kChunk frames and points to the node of the frames outside it, which all stacks with the same callers
// share. On real programs that takes a quarter of what whole arrays take. Nodes and stacks are found by the
// hash of their whole sequence of frames (64 bits, the caller keeps it up to date while it walks: a stack
// costs one look-up, a chain of parents would cost one a frame: 1.13x against 1.28x on the prototype).
//
// A stack with a tag (weir_tag_push) is an id of its own, whose node holds the stack's id and the tag.
//
// Looking up is lock-free; adding takes a lock. Ids are offsets into one growing array and are never reused.
// When the array has reached its limit, new stacks share kOverflowStack.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/abi/findings.hpp"
#include "shim/base/word_map.hpp"
#include "shim/track/block_header.hpp"

namespace weir {

inline constexpr StackId kNoStack = 0;
inline constexpr StackId kOverflowStack = 1;

// The frames to intern, outermost first, and the hashes of their prefixes.
struct StackFrames {
  const FrameToken* tokens;     // tokens[0] is the outermost known frame
  const std::uint64_t* hashes;  // hashes[i] covers tokens[0 … i]
  std::uint32_t count;          // all frames known
  std::uint32_t kept;           // the innermost frames that the stack is made of (≤ count)
  bool cut;                     // the stack went on beyond those that are kept
};

class StackDepot {
 public:
  // The id of the stack with this hash; kNoStack if it is not in yet.
  StackId find(std::uint64_t hash) const noexcept { return static_cast<StackId>(nodes_.find(nonzero(hash))); }

  // find, or adds it. `nested` as in Modules::find; kNoStack when it gave up.
  StackId add(std::uint64_t hash, const StackFrames& frames, bool nested) noexcept;

  // The id of a stack with a tag other than kNoTag. The stack's own where it gave up, or there is no room.
  StackId tagged(StackId stack, BlockTag tag, bool nested) noexcept;
  BlockTag tag_of_stack(StackId id) const noexcept;

  // Writes the frames of a stack, innermost first; the number written. *cut: the stack went on.
  std::uint32_t read(StackId id, FrameToken* to, std::uint32_t room, bool* cut) const noexcept;

  std::uint64_t overflows() const noexcept { return overflows_; }
  std::uint64_t stacks() const noexcept { return stacks_; }
  std::uint64_t bytes() const noexcept { return used_words_ * sizeof(FrameToken); }

  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;

 private:
  static constexpr unsigned kChunk = 8;
  static constexpr std::uint64_t nonzero(std::uint64_t hash) { return hash != 0 ? hash : 1; }

  std::uint64_t add_node(std::uint64_t parent, const FrameToken* tokens, std::uint32_t count,
                         std::uint32_t kept, bool cut) noexcept;

  WordMap nodes_;                 // hash of a sequence -> offset of its node
  std::uint64_t used_words_ = 2;  // offsets 0 and 1 are kNoStack and kOverflowStack
  std::uint64_t overflows_ = 0;
  std::uint64_t stacks_ = 0;
};

extern StackDepot stack_depot;

}  // namespace weir
