// Which live blocks the program can still reach, and how the others are lost.
//
// Any aligned word whose value lies inside a block counts as a pointer to it (conservative, interior
// pointers included, as LSan and Valgrind do), and so does one just past the end of a small block: that is
// all that a program keeps of an empty array whose elements have destructors. Marking starts from the roots:
//   - all memory that the program can write to, or could: modules' data, what it mapped itself, static and
//     dynamic TLS, ld.so's and libc's own blocks, shared memory, and private memory that was made read-only
//     (or was closed) after it had been filled;
//   - every thread's registers, those for vectors and the base of gs too;
//   - the signal stacks, whose addresses only the system has;
//   - blocks that a parent process allocated before it forked this one, and what libc keeps for weir.
// What is left out of that is exactly
//   - of a stack that a thread runs on now, what lies below its SP (and red zone): where glibc made the
//     stack, or the kernel for the main thread, or on its signal stack. Of other stacks that the program made for
//     itself the check does not know where they begin;
//   - the stack of a thread that has ended, until glibc hands it out again;
//   - weir's own memory.
// Never a whole mapping: what lies beside a stack in it is the program's. In doubt it is a root.
// What is not reached is lost: directly where no other lost block leads to it. A cycle has one direct
// block, its lowest, as Valgrind counts.
#pragma once

#include <cstdint>

#include "shim/leak/freeze.hpp"
#include "shim/leak/live_blocks.hpp"
#include "shim/leak/marking_queues.hpp"
#include "shim/leak/program_memory.hpp"

namespace weir {

// The thread that runs the check: what is live of it.
struct CheckingThread {
  std::uint64_t sp;
  std::uint64_t stack_top;
  const std::uint64_t* registers;
  unsigned register_count;
  VectorWords vectors = {};
  bool on_own_stack =
      true;  // false where a stack that the program made may lie in the middle of the thread's
};

struct StackRange {
  std::uint64_t start, end;
};

// Of all threads, as they were given to sigaltstack; in the order of their addresses.
struct SignalStacks {
  const StackRange* ranges = nullptr;
  std::uint32_t count = 0;

  // The one that the address lies on; nullptr for none. O(log count).
  const StackRange* find(std::uint64_t sp) const noexcept;
};

class Reachability {
 public:
  Reachability(LiveBlocks& blocks, ProgramMemory& memory, const SignalStacks& signal_stacks = {}) noexcept
      : blocks_(blocks), memory_(memory), signal_stacks_(signal_stacks) {}

  // Sets the state of every block. False when there is no memory for the work.
  bool classify(const CheckingThread& self, const FrozenThreads& others) noexcept;

  // The direct leak through which an indirect one is lost.
  // Amortised almost O(1).
  std::uint32_t leader_of(std::uint32_t block) noexcept;

 private:
  struct Range {
    std::uint64_t start, end;
  };

  bool find_excluded(const CheckingThread& self, const FrozenThreads& others) noexcept;
  bool is_own(const Mapping& m) const noexcept;
  void mark_roots(const CheckingThread& self, const FrozenThreads& others) noexcept;
  void keep_thread_tables() noexcept;
  void mark_mapping(const Mapping& m) noexcept;
  template <typename F>
  void look_up(const std::uint64_t* at, const std::uint64_t* stop, F&& found) noexcept;
  void mark_words(const std::uint64_t* at, const std::uint64_t* stop) noexcept;
  template <typename F>
  void words_of(const LiveBlock& b, F&& visit) noexcept;
  void mark(std::uint32_t block) noexcept;
  void drain() noexcept;
  template <typename F>
  std::uint32_t next(F&& found) noexcept;
  void find_leaders() noexcept;
  void follow_lost(std::uint32_t leader) noexcept;

  LiveBlocks& blocks_;
  ProgramMemory& memory_;
  const SignalStacks signal_stacks_;
  WordQueue words_;
  BlockQueue reached_;
  Range* excluded_ = nullptr;  // ascending
  std::uint32_t excluded_count_ = 0;
  std::uint32_t next_excluded_ = 0;   // mappings are looked at in ascending order, too
  std::uint32_t* leaders_ = nullptr;  // of lost blocks; a leader that became indirect has one of its own
};

}  // namespace weir
