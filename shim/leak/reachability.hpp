// Which live blocks the program can still reach, and how the others are lost.
//
// Any aligned word whose value lies inside a block counts as a pointer to it (conservative, interior
// pointers included, as LSan and Valgrind do). Marking starts from the roots:
//   - every writable mapping that is neither heap nor weir's own: modules' data, memory that the program
//     mapped itself, static and dynamic TLS, ld.so's and libc's own blocks;
//   - the live part of each thread's stack, [sp - red zone, end), and its registers; the whole stack of a
//     thread that runs on another one or did not stand still; nothing of a thread that has ended while
//     glibc keeps its stack for the next;
//   - blocks that a parent process allocated before it forked this one, and what libc keeps for weir.
// What is not reached is lost: directly where no other lost block leads to it. A cycle has one direct
// block, its lowest, as Valgrind counts.
#pragma once

#include <cstdint>

#include "shim/leak/freeze.hpp"
#include "shim/leak/live_blocks.hpp"
#include "shim/leak/work_list.hpp"

namespace weir {

// The thread that runs the check: what is live of it.
struct CheckingThread {
  std::uint64_t sp;
  std::uint64_t stack_top;
  const std::uint64_t* registers;
  unsigned register_count;
};

class Reachability {
 public:
  Reachability(LiveBlocks& blocks, PageMap& pages) noexcept : blocks_(blocks), pages_(pages) {}

  // Sets the state of every block. False when there is no memory for the work list.
  bool classify(const MemoryMap& map, const CheckingThread& self, const FrozenThreads& others) noexcept;

  // The direct leak through which an indirect one is lost.
  // Amortised almost O(1).
  std::uint32_t leader_of(std::uint32_t block) noexcept;

 private:
  void mark_roots(const MemoryMap& map, const CheckingThread& self, const FrozenThreads& others) noexcept;
  void mark_mapping(const Mapping& m, const CheckingThread& self, const FrozenThreads& others) noexcept;
  void mark_touched(std::uint64_t start, std::uint64_t end) noexcept;
  void mark_words(std::uint64_t start, std::uint64_t end) noexcept;
  void mark(std::uint32_t block) noexcept;
  void drain() noexcept;
  std::uint32_t next() noexcept;
  void find_leaders() noexcept;
  void follow_lost(std::uint32_t leader) noexcept;

  LiveBlocks& blocks_;
  PageMap& pages_;
  WorkList work_;
  std::uint32_t* leaders_ = nullptr;  // of lost blocks; a leader that became indirect has one of its own
};

}  // namespace weir
