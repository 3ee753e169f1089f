#include "shim/unwind/stack_memo.hpp"

#include <cstring>

#include "core/pages.hpp"
#include "shim/base/readable.hpp"
#include "shim/unwind/libunwind.hpp"
#include "shim/unwind/rule_cache.hpp"

namespace weir {
namespace {

constexpr std::uint64_t kHashBase = 0x9e3779b97f4a7c15 | 1;

FrameToken token_of(const FrameState& s, FrameRule rule) noexcept {
  return (s.ip & kFrameAddressMask) | (s.exact ? kFrameExactBit : 0) |
         static_cast<FrameToken>(rule.module()) << kFrameModuleShift;
}

// Spreads a token before it enters the polynomial; finalizer constants of splitmix64.
std::uint64_t mix(FrameToken token) noexcept {
  token = (token ^ (token >> 30)) * 0xbf58476d1ce4e5b9u;
  return token ^ (token >> 27);
}

// The state of a frame, onto those of its callers (multipliers of splitmix64).
std::uint64_t chained(std::uint64_t callers, const FrameState& s, std::uint64_t bp_needed) noexcept {
  std::uint64_t x = (callers ^ s.sp) * 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 29 ^ (s.bp & bp_needed)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 32 ^ s.ip ^ (s.exact ? kFrameExactBit : 0)) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

}  // namespace

constinit StackMemo::Branch StackMemo::no_branches[1u << kBranchBits] = {};

// Of the large memory; the branches lie behind.
std::size_t StackMemo::frame_bytes(std::uint32_t limit) noexcept {
  return 4 * std::size_t{limit} * kFrameBytes + (2 * std::size_t{limit} + 1) * sizeof(Found);
}

std::size_t StackMemo::bytes_for(std::uint32_t limit) noexcept {
  return frame_bytes(limit) + (sizeof(Branch) << kBranchBits);
}

// The arrays but for the branches, which have the room behind them.
void StackMemo::place_arrays(void* memory, std::uint32_t capacity, std::uint32_t found_room) noexcept {
  char* at = static_cast<char*>(memory);
  const auto take = [&](std::size_t bytes) {
    char* p = at;
    at += bytes;
    return p;
  };
  frames_ = reinterpret_cast<Frame*>(take(capacity * sizeof(Frame)));
  slots_ = reinterpret_cast<Slot*>(take(std::size_t{capacity} * kMostSlotsAFrame * sizeof(Slot)));
  tokens_ = reinterpret_cast<FrameToken*>(take(capacity * sizeof(FrameToken)));
  hashes_ = reinterpret_cast<std::uint64_t*>(take(capacity * sizeof(std::uint64_t)));
  found_ = reinterpret_cast<Found*>(take(found_room * sizeof(Found)));
}

void StackMemo::initialize(void* small, void* large, std::uint32_t limit, StackBounds bounds) noexcept {
  limit_ = limit;
  capacity_ = 4 * limit < kSmallFrames ? 4 * limit : kSmallFrames;
  found_room_ = 2 * limit < kSmallFrames ? 2 * limit : kSmallFrames;
  limit_power_ = 1;
  for (std::uint32_t i = 0; i < limit; ++i) limit_power_ *= kHashBase;
  for (StackBounds& known : known_) known = {};
  known_[0] = bounds;
  large_ = large;
  place_arrays(small, kSmallFrames, kSmallFrames);
  branches_ = no_branches;
  forget();
  counters_ = {};
}

// Moves to the large memory, with what the walk under way has found.
__attribute__((noinline, cold)) void StackMemo::grow_frames(std::uint32_t found) noexcept {
  const StackMemo was = *this;
  capacity_ = 4 * limit_;
  found_room_ = 2 * limit_;
  place_arrays(large_, capacity_, found_room_ + 1);
  const std::size_t slots = count_ != 0 ? was.frames_[count_ - 1].slots_end : 0;
  std::memcpy(frames_, was.frames_, count_ * sizeof(Frame));
  std::memcpy(slots_, was.slots_, slots * sizeof(Slot));
  std::memcpy(tokens_, was.tokens_, count_ * sizeof(FrameToken));
  std::memcpy(hashes_, was.hashes_, count_ * sizeof(std::uint64_t));
  std::memcpy(found_, was.found_, found * sizeof(Found));
  top_ = {};  // pointed into the slots
}

// Compares the slots of the steps from `frame` out to `lowest`. -1 when all hold; else the frame whose step
// has changed (the frames from `frame` to it are still what they were).
int StackMemo::verify(int frame, int lowest) const noexcept {
  const Slot* stop = slots_ + frames_[lowest].slots_end;
  const Slot* slot = slots_ + frames_[frame].slots_end;
  while (slot != stop) {
    --slot;
    if (load_word(slot->address) == slot->value) continue;
    const auto index = static_cast<std::uint32_t>(slot - slots_);
    int changed = frame;
    while (frames_[changed - 1].slots_end > index) --changed;
    return changed;
  }
  return -1;
}

bool StackMemo::may_read(std::uint64_t address) noexcept {
  for (const StackBounds& known : known_) {
    if (__builtin_expect(address - known.low < known.high - known.low, 1)) return true;
  }
  if ((address & 7) != 0 || !is_readable(address)) return false;
  const std::uint64_t page = address & ~(kPageSize - 1);
  for (StackBounds& known : known_) {
    if (page == known.high) return known.high += kPageSize, true;
    if (page + kPageSize == known.low) return known.low = page, true;
  }
  for (std::uint32_t i = kKnownStacks - 1; i > 0; --i) known_[i] = known_[i - 1];
  known_[0] = {page, page + kPageSize};
  return true;
}

// Moves the state one frame out. False where the walk ends.
bool StackMemo::step(FrameState& s, FrameRule rule) noexcept {
  switch (rule.kind()) {
    case RuleKind::kStandard: {
      const std::uint64_t cfa =
          (rule.cfa_from_bp() ? s.bp : s.sp) + static_cast<std::uint64_t>(rule.cfa_offset());
      if (cfa <= s.sp || !may_read(cfa - 8)) return false;
      if (rule.saves_bp()) {
        const std::uint64_t slot = cfa + static_cast<std::uint64_t>(rule.bp_slot());
        if (!may_read(slot)) return false;
        s.bp = load_word(slot);
      }
      s.ip = load_word(cfa - 8);
      s.sp = cfa;
      break;
    }
    case RuleKind::kRealigned: {
      const std::uint64_t cfa_slot = s.bp + static_cast<std::uint64_t>(rule.cfa_offset());
      const std::uint64_t bp_slot = s.bp + static_cast<std::uint64_t>(rule.bp_slot());
      if (!may_read(cfa_slot) || !may_read(bp_slot)) return false;
      const std::uint64_t cfa = load_word(cfa_slot);
      if (cfa <= s.sp || !may_read(cfa - 8)) return false;
      s.ip = load_word(cfa - 8);
      s.bp = load_word(bp_slot);
      s.sp = cfa;
      break;
    }
    case RuleKind::kSignal: {
      if (!may_read(s.sp + kUcontextBp) || !may_read(s.sp + kUcontextIp)) return false;
      const std::uint64_t context = s.sp;
      s.ip = load_word(context + kUcontextIp);
      s.bp = load_word(context + kUcontextBp);
      s.sp = load_word(context + kUcontextSp);
      s.exact = true;
      return may_be_code(s.ip);
    }
    default:
      return false;
  }
  s.exact = false;
  return may_be_code(s.ip);
}

// Walks from `state` outwards into found_ until a recorded frame verifies (its index is `base`), the stack
// ends, or enough is known.
StackMemo::End StackMemo::find_frames(FrameState state, std::uint32_t& found, int& base) noexcept {
  const std::uint32_t most = found_room_;
  int candidate = static_cast<int>(count_) - 1;
  for (found = 0;;) {
    while (candidate >= 0 && frames_[candidate].sp < state.sp) --candidate;
    if (candidate >= 0) {
      const Frame& f = frames_[candidate];
      if (f.sp == state.sp && f.ip == state.ip && f.exact == state.exact &&
          ((f.bp ^ state.bp) & f.bp_needed) == 0) {
        const int wanted = found < limit_ ? static_cast<int>(limit_ - found) : 1;
        const int lowest = candidate + 1 > wanted ? candidate + 1 - wanted : 0;
        if (lowest != 0 || !bottom_cut_ || candidate + 1 == wanted) {
          const int changed = verify(candidate, lowest);
          if (changed < 0) {
            base = candidate;
            return End::kJoined;
          }
          // The steps inside `changed` are as recorded: no need to look up their rules again.
          for (; candidate >= changed; --candidate) {
            if (found == most) return End::kCut;
            const FrameRule rule = frames_[candidate].rule;
            found_[found++] = {state, rule};
            if (!step(state, rule)) return End::kOutermost;
          }
          continue;
        }
        candidate = -1;  // not recorded as far out as the answer needs
      }
    }
    if (found == most) return End::kCut;
    const FrameRule rule = rule_cache.rule_at(state, false);
    if (rule.kind() == RuleKind::kComplex) return End::kGiveUp;
    found_[found++] = {state, rule};
    if (!step(state, rule)) return End::kOutermost;
  }
}

// Keeps the memo within its capacity: forgets outermost frames, of which more are known than needed.
void StackMemo::make_room(int& base, std::uint32_t found) noexcept {
  const std::uint32_t kept = static_cast<std::uint32_t>(base + 1);
  if (kept + found <= capacity_) return;
  const std::uint32_t keep = capacity_ - capacity_ / 4 - found;  // ≥ limit_, since found ≤ 2 * limit_
  const std::uint32_t drop = kept - keep;
  const std::uint32_t slots_gone = frames_[drop].slots_end;
  std::memmove(slots_, slots_ + slots_gone, (frames_[base].slots_end - slots_gone) * sizeof(Slot));
  std::memmove(frames_, frames_ + drop, keep * sizeof(Frame));
  std::memmove(tokens_, tokens_ + drop, keep * sizeof(FrameToken));
  std::uint64_t hash = 0;
  for (std::uint32_t i = 0; i < keep; ++i) {
    frames_[i].slots_end -= slots_gone;
    hash = hash * kHashBase + mix(tokens_[i]);
    hashes_[i] = hash;
  }
  base = static_cast<int>(keep) - 1;
  count_ = keep;
  bottom_cut_ = true;
}

// Records one frame inside the present innermost one.
void StackMemo::push(const Found& found) noexcept {
  Frame& f = frames_[count_];
  const FrameState& s = found.state;
  const FrameRule rule = found.rule;
  const bool has_outer = count_ != 0;
  const Frame& outer = frames_[has_outer ? count_ - 1 : 0];
  const bool keeps_bp = has_outer && outer.bp_needed != 0;
  std::uint32_t n = has_outer ? outer.slots_end : 0;
  // In the order of loading when read backwards.
  const auto slot = [&](std::uint64_t address, std::uint64_t value) { slots_[n++] = {address, value}; };

  f.bp_needed = keeps_bp ? ~std::uint64_t{0} : 0;
  switch (rule.kind()) {
    case RuleKind::kStandard:
      if (rule.saves_bp() && keeps_bp) {
        slot(outer.sp + static_cast<std::uint64_t>(rule.bp_slot()), outer.bp);
      }
      if (has_outer) slot(outer.sp - 8, outer.ip);
      if (rule.saves_bp()) f.bp_needed = 0;
      if (rule.cfa_from_bp()) f.bp_needed = ~std::uint64_t{0};
      break;
    case RuleKind::kRealigned:
      if (has_outer) {
        if (keeps_bp) slot(s.bp + static_cast<std::uint64_t>(rule.bp_slot()), outer.bp);
        slot(outer.sp - 8, outer.ip);
        slot(s.bp + static_cast<std::uint64_t>(rule.cfa_offset()), outer.sp);
      }
      f.bp_needed = ~std::uint64_t{0};
      break;
    case RuleKind::kSignal:
      if (has_outer) {
        if (keeps_bp) slot(s.sp + kUcontextBp, outer.bp);
        slot(s.sp + kUcontextSp, outer.sp);
        slot(s.sp + kUcontextIp, outer.ip);
      }
      f.bp_needed = 0;
      break;
    default:
      f.bp_needed = 0;
      break;
  }
  f.sp = s.sp;
  f.ip = s.ip;
  f.bp = s.bp;
  f.chain = chained(has_outer ? outer.chain : bottom_cut_ ? 1 : 2, s, f.bp_needed);
  f.rule = rule;
  f.id = kNoStack;
  f.slots_end = n;
  f.exact = s.exact;
  tokens_[count_] = token_of(s, rule);
  hashes_[count_] = (count_ != 0 ? hashes_[count_ - 1] * kHashBase : 0) + mix(tokens_[count_]);
  ++count_;
}

void StackMemo::set_top(StackId id) noexcept {
  const std::uint32_t inner = count_ - 1;
  const std::uint32_t lowest = count_ > limit_ ? count_ - limit_ : 0;
  const Frame& f = frames_[inner];
  top_ = {f.ip, f.sp, f.bp, f.bp_needed, epoch_, slots_ + frames_[lowest].slots_end, slots_ + f.slots_end,
          id};
}

// The id of the recorded stack, all of whose kept frames have just been walked or verified.
StackId StackMemo::answer() noexcept {
  Frame& f = frames_[count_ - 1];
  if (f.id == kNoStack) {
    std::uint64_t hash = hashes_[count_ - 1];
    const std::uint32_t kept = count_ < limit_ ? count_ : limit_;
    if (count_ > limit_) hash -= hashes_[count_ - 1 - limit_] * limit_power_;
    f.id = stack_depot.find(hash);
    const bool cut = kept < count_ || bottom_cut_;
    if (f.id == kNoStack) f.id = stack_depot.add(hash, {tokens_, hashes_, count_, kept, cut}, false);
  }
  set_top(f.id);
  return f.id;
}

__attribute__((noinline)) StackId StackMemo::walk(FrameState state) noexcept {
  ++counters_.walks;
  const std::uint64_t now = __atomic_load_n(&unload_epoch, __ATOMIC_ACQUIRE);
  if (epoch_ != now) {
    epoch_ = now;
    forget();
  }
  std::uint32_t found = 0;
  int base = -1;
  End end = find_frames(state, found, base);
  if (end == End::kCut && found_room_ != 2 * limit_) {
    grow_frames(0);
    end = find_frames(state, found, base);
  }
  if (end == End::kGiveUp) {
    ++counters_.libunwind_walks;
    if (found_room_ != 2 * limit_) grow_frames(0);
    forget();
    return walk_with_libunwind(state);
  }
  if (base < 0) {
    ++counters_.full_walks;
    bottom_cut_ = end == End::kCut;
    count_ = 0;
  } else {
    if (static_cast<std::uint32_t>(base + 1) + found > capacity_ && capacity_ != 4 * limit_) {
      grow_frames(found);
    }
    make_room(base, found);
    count_ = static_cast<std::uint32_t>(base + 1);
  }
  counters_.frames_walked += found;
  while (found != 0) push(found_[--found]);
  const StackId id = answer();
  if (base >= 0) keep_branch(static_cast<std::uint32_t>(base));
  return id;
}

// Beside the memo, what lies inside its frame `fork` of the stack that was just answered.
void StackMemo::keep_branch(std::uint32_t fork) noexcept {
  const Frame& f = frames_[count_ - 1];
  const std::uint32_t first = frames_[fork].slots_end;
  const std::uint32_t slots = f.slots_end - first;
  if (slots > kBranchSlots) return;
  if (branches_ == no_branches) {
    branches_ = reinterpret_cast<Branch*>(static_cast<char*>(large_) + frame_bytes(limit_));
  }
  Branch& b = branches_[branch_place_ >> (64 - kBranchBits)];
  b.ip = f.ip;
  b.sp = f.sp;
  b.bp = f.bp;
  b.bp_needed = f.bp_needed;
  b.epoch = epoch_;
  b.fork_chain = frames_[fork].chain;
  b.fork = fork;
  // A stack that is all branch still rests on the frame at the fork.
  const std::uint32_t lowest = count_ > limit_ ? count_ - limit_ : 0;
  b.lowest = lowest < fork ? lowest : fork;
  b.slots = slots;
  b.id = f.id;
  for (std::uint32_t i = 0; i < slots; ++i) b.slot[i] = slots_[first + i];
}

__attribute__((noinline, cold)) StackId StackMemo::walk_with_libunwind(const FrameState& site) noexcept {
  // found_ is free here and, in the large memory, large enough: 2 * limit_ + 1 elements of more than two words.
  auto* tokens = reinterpret_cast<FrameToken*>(found_);
  std::uint64_t* hashes = tokens + 2 * std::size_t{limit_} + 1;
  const std::uint32_t found = unwind_with_libunwind(site.ip, site.sp, tokens, limit_ + 1);
  if (found == 0) return kNoStack;
  // Innermost first as it comes; the depot wants the outermost first.
  for (std::uint32_t i = 0; i < found / 2; ++i) {
    const FrameToken t = tokens[i];
    tokens[i] = tokens[found - 1 - i];
    tokens[found - 1 - i] = t;
  }
  const std::uint32_t kept = found < limit_ ? found : limit_;
  std::uint64_t hash = 0;
  std::uint64_t window = 0;
  for (std::uint32_t i = 0; i < found; ++i) {
    hash = hash * kHashBase + mix(tokens[i]);
    if (i >= found - kept) window = window * kHashBase + mix(tokens[i]);
    hashes[i] = hash;
  }
  const StackId id = stack_depot.find(window);
  return id != kNoStack ? id : stack_depot.add(window, {tokens, hashes, found, kept, kept < found}, false);
}

}  // namespace weir
