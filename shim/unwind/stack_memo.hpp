// A thread's last stack, kept so that the next one is mostly known already. The heart of weir's speed.
//
// Stepping out of a frame is a pure function of (IP, SP, BP where the frame's CFA needs it), of the stack
// slots that it loads, and of the unwind tables. The memo holds the last walk: per frame its state, and per
// step the slots that were loaded with the values that they had. If the present state equals a recorded one
// and every slot from there outwards still holds its value, the rest of the walk would be the recorded
// one: the answer is exact, not a guess. Where that fails, new frames are walked by cached rules until a
// recorded state verifies. Slots are compared from the inside out and comparing stops at the first
// difference, so no address is read that the walk itself would not have read.
//
// BP belongs to a frame's state only if some frame further out computes its CFA from it before it is
// restored ("needed", computed from the outside in); then the slot that restores it is verified too.
//
// Only the innermost `limit` frames make the stack that is asked for. Deeper stacks are walked twice as far
// as needed and the memo keeps four times as much, so that recursion up and down costs a constant per call.
// The window's hash is a difference of prefix hashes (polynomial, B^limit is kept), as in Rabin-Karp.
//
// Programs go back and forth between a few call paths with the same callers. Each walk leaves, beside the
// last stack, a branch: the frames that it found inside the one where it joined, with their slots. When the
// same innermost state comes again and the frame at the fork is in the same state with the same callers
// (Frame::chain), branch and trunk are verified in the same way and nothing is walked. Paths that end in the
// same wrapper of malloc have the same innermost state: where a branch's slots stop to hold, the slot and
// what it holds now name the place of the next one to try, as in a trie.
//
// A thread that allocates once, a few calls deep, needs little of this, and programs have thousands of those.
// So a memo begins in kSmallBytes, with room for kSmallFrames frames. What is deeper moves it to the large memory,
// for good. There the branches are as well; a thread that has none yet looks into a table that is empty for all, and
// each branch touches the page that it is in. (A small table of branches in front of the large one cost the look-up
// some per cent, by an index that is no constant.)
//
// One memo belongs to one thread; no call here is reentrant (ThreadState::busy sees to it). Code that goes
// away bumps unload_epoch and voids the memo.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim/unwind/frame_rule.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/stack_depot.hpp"

namespace weir {

// Where a call came from: the caller's registers at the moment after the call returns.
struct CallSite {
  std::uint64_t ip, sp, bp;
};

// The caller's, from inside the called function, which must not be inlined. gcc and clang then keep BP as
// the frame pointer there, with the caller's BP and the return address above it.
#define WEIR_CALL_SITE()                                                  \
  ::weir::CallSite {                                                      \
    reinterpret_cast<std::uint64_t>(__builtin_return_address(0)),         \
        reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)) + 16, \
        *static_cast<const std::uint64_t*>(__builtin_frame_address(0))    \
  }

// Addresses that a walk may read without asking: [low, high) is a stack, or part of one.
struct StackBounds {
  std::uint64_t low = 0, high = 0;
};

class StackMemo {
 public:
  // The large memory of a memo for stacks of `limit` frames, as much as is needed at most.
  static std::size_t bytes_for(std::uint32_t limit) noexcept;

  // `small` has kSmallBytes, `large` has bytes_for(limit), and both stay the memo's. They are zeroed, or were
  // another thread's: whatever is found in them is verified before it is believed.
  void initialize(void* small, void* large, std::uint32_t limit, StackBounds bounds) noexcept;

  // The id of the stack whose innermost frame is `site`. Exact. O(depth) compares when nothing changed.
  StackId stack_of(const CallSite& site) noexcept {
    if (__builtin_expect(top_.ip == site.ip && top_.sp == site.sp &&
                             ((top_.bp ^ site.bp) & top_.bp_needed) == 0 &&
                             top_.epoch == __atomic_load_n(&unload_epoch, __ATOMIC_RELAXED),
                         1)) {
      if (slots_hold(top_.slots_begin, top_.slots_end)) return top_.id;
    }
    std::uint64_t place = (site.ip ^ site.sp * 4) * 0x9e3779b97f4a7c15u;
    for (unsigned tried = 0;;) {
      const Branch& b = branches_[place >> (64 - kBranchBits)];
      if (!begins_at(b, site)) break;
      const Slot* differs = last_difference(b.slot, b.slot + b.slots);
      if (differs == nullptr) {
        if (is_grown(b)) return b.id;
        break;
      }
      if (++tried == kMostTried) break;
      place = (place ^ differs->address ^ load_word(differs->address)) * 0xbf58476d1ce4e5b9u;
      place ^= place << 32;
    }
    branch_place_ = place;
    return walk({site.ip, site.sp, site.bp, false});
  }

  struct Counters {
    std::uint64_t walks, frames_walked, full_walks, libunwind_walks;
  };
  const Counters& counters() const noexcept { return counters_; }

  // Empties the memo: the next stack is walked from scratch.
  void forget() noexcept {
    count_ = 0;
    top_ = {};
  }

 private:
  struct Slot {
    std::uint64_t address, value;
  };
  struct Frame {
    std::uint64_t sp, ip;
    std::uint64_t chain;          // hash of this frame's state and those of all its callers
    std::uint64_t bp, bp_needed;  // needed: all ones or zero, a mask for comparing
    FrameRule rule;
    StackId id;               // of the stack that has this frame as its innermost; kNoStack: not known yet
    std::uint32_t slots_end;  // slots of the steps from this frame outwards: slots_[0 … slots_end)
    bool exact;
  };
  // What the fast path compares, in one cache line.
  struct Top {
    std::uint64_t ip, sp, bp, bp_needed;
    std::uint64_t epoch;
    const Slot* slots_begin;
    const Slot* slots_end;
    StackId id;
  };
  // The innermost frames of a stack whose outer ones are the memo's up to frames_[fork].
  static constexpr std::uint32_t kBranchSlots = 16;
  static constexpr unsigned kBranchBits = 9;
  static constexpr unsigned kMostTried = 6;
  struct Branch {
    std::uint64_t ip, sp, bp, bp_needed;
    std::uint64_t epoch, fork_chain;
    std::uint32_t fork;
    std::uint32_t lowest;  // the outermost frame of the memo that belongs to the stack
    std::uint32_t slots;
    StackId id;
    Slot slot[kBranchSlots];
  };
  static Branch no_branches[1u << kBranchBits];  // of a thread that has none; never written
  // A frame found by the present walk, innermost first.
  struct Found {
    FrameState state;
    FrameRule rule;
  };
  enum class End { kJoined, kOutermost, kCut, kGiveUp };

  // Compares from the inside out (backwards) and stops at the first difference.
  static bool slots_hold(const Slot* begin, const Slot* end) noexcept {
#pragma GCC unroll 4
    while (end != begin) {
      --end;
      if (load_word(end->address) != end->value) return false;
    }
    return true;
  }
  // The same, and where that is.
  static const Slot* last_difference(const Slot* begin, const Slot* end) noexcept {
    while (end != begin) {
      --end;
      if (load_word(end->address) != end->value) return end;
    }
    return nullptr;
  }
  static bool begins_at(const Branch& b, const CallSite& site) noexcept {
    return b.ip == site.ip && b.sp == site.sp && ((b.bp ^ site.bp) & b.bp_needed) == 0 &&
           b.epoch == __atomic_load_n(&unload_epoch, __ATOMIC_RELAXED);
  }
  // Whether the trunk is what the branch, whose own slots hold, grew from.
  bool is_grown(const Branch& b) const noexcept {
    return b.fork < count_ && frames_[b.fork].chain == b.fork_chain &&
           slots_hold(slots_ + frames_[b.lowest].slots_end, slots_ + frames_[b.fork].slots_end);
  }

  static std::size_t frame_bytes(std::uint32_t limit) noexcept;
  void place_arrays(void* memory, std::uint32_t capacity, std::uint32_t found_room) noexcept;
  void grow_frames(std::uint32_t found) noexcept;

  StackId walk(FrameState state) noexcept;
  void keep_branch(std::uint32_t fork) noexcept;
  End find_frames(FrameState state, std::uint32_t& found, int& base) noexcept;
  int verify(int frame, int lowest) const noexcept;
  bool step(FrameState& state, FrameRule rule) noexcept;
  bool may_read(std::uint64_t address) noexcept;
  void push(const Found& found) noexcept;
  void make_room(int& base, std::uint32_t found) noexcept;
  StackId answer() noexcept;
  void set_top(StackId id) noexcept;
  StackId walk_with_libunwind(const FrameState& site) noexcept;

  Top top_;
  std::uint32_t limit_;
  std::uint32_t capacity_;     // of frames_: 4 * limit_ in the end
  std::uint32_t found_room_;   // of found_: 2 * limit_ in the end
  std::uint64_t limit_power_;  // B^limit
  std::uint32_t count_;
  bool bottom_cut_;  // frames_[0] has callers that are not recorded
  std::uint64_t epoch_;
  static constexpr std::uint32_t kKnownStacks = 3;
  StackBounds known_[kKnownStacks];  // the thread's own and those that it switches to, latest first
  void* large_;
  Frame* frames_;       // [0] is the outermost
  FrameToken* tokens_;  // parallel to frames_
  std::uint64_t* hashes_;
  Slot* slots_;
  Found* found_;
  Branch* branches_;
  std::uint64_t branch_place_;  // where the branch of the walk under way goes
  Counters counters_;

  static constexpr std::uint32_t kMostSlotsAFrame = 3;
  static constexpr std::size_t kFrameBytes =
      sizeof(Frame) + sizeof(FrameToken) + sizeof(std::uint64_t) + kMostSlotsAFrame * sizeof(Slot);
  static constexpr std::uint32_t kSmallFrames = 16;

 public:
  static constexpr std::size_t kSmallBytes = kSmallFrames * (kFrameBytes + sizeof(Found));
};

}  // namespace weir
