#include "shim/unwind/stack_depot.hpp"

#include "shim/base/options.hpp"
#include "shim/base/spin_lock.hpp"
#include "shim/base/zones.hpp"

namespace weir {

constinit StackDepot stack_depot;

namespace {

constinit SpinLock lock;
constinit GrowingTable<std::uint64_t> words;

// A node: one word of head, then its tokens, outermost first.
//   head  bits 0..31 the parent's offset (0: none), 32..39 tokens here, 40..50 frames of the whole stack,
//         51 the stack went on beyond them
// A stack with a tag: one word, the stack's id, bit 52, and the tag in the bits 53..63.
constexpr std::uint64_t make_head(std::uint64_t parent, std::uint64_t count, std::uint64_t kept, bool cut) {
  return parent | count << 32 | kept << 40 | static_cast<std::uint64_t>(cut) << 51;
}

constexpr unsigned kTagShift = 53;
constexpr std::uint64_t kIsTagged = std::uint64_t{1} << (kTagShift - 1);
static_assert(kMostTags <= std::uint64_t{1} << (64 - kTagShift));

// Sequences that are stacks and sequences that are chunks of larger ones share the index but not the keys.
constexpr std::uint64_t kChunkSalt = 0x5851f42d4c957f2d;

// The odd factor spreads every pair over all 64 bits, and no two pairs on one value.
constexpr std::uint64_t hash_of_tagged(StackId stack, BlockTag tag) {
  return ((std::uint64_t{tag} << kStackIdBits | stack) + 1) * 0xd6e8feb86659fd93;
}

}  // namespace

StackId StackDepot::add(std::uint64_t hash, const StackFrames& frames, bool nested) noexcept {
  const SpinGuard guard(lock, nested);
  if (!guard.held()) return kNoStack;
  hash = nonzero(hash);
  if (const std::uint64_t node = nodes_.find(hash)) return static_cast<StackId>(node);

  // Which chunks outside the innermost node are there already? Chunks count from tokens[0], and a chunk's key
  // covers everything from there, so a chunk that is found has its whole chain.
  const std::uint32_t tail_start = (frames.count - 1) / kChunk * kChunk;
  std::uint32_t have = tail_start;
  std::uint64_t parent = 0;
  for (; have != 0; have -= kChunk) {
    parent = nodes_.find(nonzero(frames.hashes[have - 1] ^ kChunkSalt));
    if (parent != 0) break;
  }
  for (; have < tail_start; have += kChunk) {
    const std::uint64_t node = add_node(parent, frames.tokens + have, kChunk, 0, false);
    if (node == 0) return kOverflowStack;
    nodes_.insert(nonzero(frames.hashes[have + kChunk - 1] ^ kChunkSalt), node);
    parent = node;
  }
  const std::uint64_t node =
      add_node(parent, frames.tokens + tail_start, frames.count - tail_start, frames.kept, frames.cut);
  if (node == 0) return kOverflowStack;
  nodes_.insert(hash, node);
  ++stacks_;
  return static_cast<StackId>(node);
}

std::uint64_t StackDepot::add_node(std::uint64_t parent, const FrameToken* tokens, std::uint32_t count,
                                   std::uint32_t kept, bool cut) noexcept {
  const std::uint64_t at = used_words_;
  const std::uint64_t end = at + 1 + count;
  if (end >= (std::uint64_t{1} << kStackIdBits) || end * 8 > options.stack_memory || !words.ensure(end)) {
    ++overflows_;
    return 0;
  }
  words[at] = make_head(parent, count, kept, cut);
  for (std::uint32_t i = 0; i < count; ++i) words[at + 1 + i] = tokens[i];
  used_words_ = end;
  return at;
}

StackId StackDepot::tagged(StackId stack, BlockTag tag, bool nested) noexcept {
  const std::uint64_t hash = hash_of_tagged(stack, tag);
  if (const std::uint64_t node = nodes_.find(hash)) return static_cast<StackId>(node);
  const SpinGuard guard(lock, nested);
  if (!guard.held()) return stack;
  if (const std::uint64_t node = nodes_.find(hash)) return static_cast<StackId>(node);
  const std::uint64_t at = used_words_;
  if (at + 1 >= (std::uint64_t{1} << kStackIdBits) || (at + 1) * 8 > options.stack_memory ||
      !words.ensure(at + 1)) {
    ++overflows_;
    return stack;
  }
  words[at] = stack | kIsTagged | std::uint64_t{tag} << kTagShift;
  used_words_ = at + 1;
  nodes_.insert(hash, at);
  ++stacks_;
  return static_cast<StackId>(at);
}

BlockTag StackDepot::tag_of_stack(StackId id) const noexcept {
  if (id <= kOverflowStack || id >= used_words_ || (words[id] & kIsTagged) == 0) return kNoTag;
  return static_cast<BlockTag>(words[id] >> kTagShift);
}

std::uint32_t StackDepot::read(StackId id, FrameToken* to, std::uint32_t room, bool* cut) const noexcept {
  *cut = false;
  if (tag_of_stack(id) != kNoTag) id = static_cast<StackId>(words[id]);
  if (id <= kOverflowStack || id >= used_words_) return 0;
  const std::uint64_t head = words[id];
  *cut = (head >> 51 & 1) != 0;
  const std::uint32_t kept = static_cast<std::uint32_t>(head >> 40 & 2047);
  std::uint32_t n = 0;
  for (std::uint64_t node = id; node != 0 && n < kept; node = words[node] & 0xffffffff) {
    for (std::uint64_t i = words[node] >> 32 & 255; i != 0 && n < kept && n < room; --i)
      to[n++] = words[node + i];
    if (n == room) break;
  }
  return n;
}

void StackDepot::lock_for_fork() noexcept {
  lock.lock();
}
void StackDepot::unlock_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir
