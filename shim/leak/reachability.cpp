#include "shim/leak/reachability.hpp"

#include <elf.h>

#include "shim/base/zones.hpp"
#include "shim/guard/page_zone.hpp"
#include "shim/life/thread_state.hpp"

extern "C" {
// Of the linker: where this library's own file begins in memory.
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern void* __libc_stack_end;
}

namespace weir {
namespace {

constexpr std::uint64_t kRedZone = 128;  // below SP, a leaf function's own

struct OwnData {
  std::uint64_t start, end;
};

// This library's writable memory: its and the parent's bookkeeping, full of addresses of blocks.
OwnData own_data() noexcept {
  const auto base = reinterpret_cast<std::uint64_t>(&__ehdr_start);
  const auto* segment = reinterpret_cast<const Elf64_Phdr*>(base + __ehdr_start.e_phoff);
  OwnData own{~std::uint64_t{0}, 0};
  for (unsigned i = 0; i < __ehdr_start.e_phnum; ++i) {
    if (segment[i].p_type != PT_LOAD || (segment[i].p_flags & PF_W) == 0) continue;
    const std::uint64_t start = base + segment[i].p_vaddr;
    if (start < own.start) own.start = start;
    if (start + segment[i].p_memsz > own.end) own.end = start + segment[i].p_memsz;
  }
  return own;
}

bool inside(std::uint64_t address, const Mapping& m) noexcept {
  return address >= m.start && address < m.end;
}

}  // namespace

bool Reachability::classify(const MemoryMap& map, const CheckingThread& self,
                            const FrozenThreads& others) noexcept {
  if (blocks_.count() == 0) return true;
  auto* stack = static_cast<std::uint32_t*>(table_zone.map(blocks_.count() * sizeof(std::uint32_t)));
  leaders_ = static_cast<std::uint32_t*>(table_zone.map(blocks_.count() * sizeof(std::uint32_t)));
  if (stack == nullptr || leaders_ == nullptr) return false;
  work_.initialize(stack);
  mark_roots(map, self, others);
  find_leaders();
  return true;
}

void Reachability::mark(std::uint32_t block) noexcept {
  LiveBlock& b = blocks_[block];
  if (b.state() != BlockState::kUnreached) return;
  b.set_state(BlockState::kReachable);
  work_.push(block);
}

void Reachability::mark_words(std::uint64_t start, std::uint64_t end) noexcept {
  const auto* at = reinterpret_cast<const std::uint64_t*>((start + 7) & ~std::uint64_t{7});
  const auto* stop = reinterpret_cast<const std::uint64_t*>(end & ~std::uint64_t{7});
  for (; at < stop; ++at) {
    const std::uint64_t word = *at;
    if (__builtin_expect(!blocks_.may_point(word), 1)) continue;
    const std::uint32_t block = blocks_.find(word);
    if (block != LiveBlocks::kNone) mark(block);
  }
}

std::uint32_t Reachability::next() noexcept {
  return work_.pop(LiveBlocks::kNone, [this](std::uint32_t block) {
    __builtin_prefetch(reinterpret_cast<const void*>(blocks_[block].start()));
  });
}

void Reachability::drain() noexcept {
  for (std::uint32_t block; (block = next()) != LiveBlocks::kNone;) {
    const LiveBlock& b = blocks_[block];
    mark_words(b.start(), b.start() + b.bytes());
  }
}

void Reachability::mark_touched(std::uint64_t start, std::uint64_t end) noexcept {
  if (start >= end) return;
  pages_.for_touched_pages(start, end, [this](std::uint64_t from, std::uint64_t to) {
    mark_words(from, to);
    drain();
  });
}

// A mapping may hold stacks. Of the one that a thread runs on, only [sp, end) is live; if a thread has ended
// and left its stack in glibc's cache, nothing is.
void Reachability::mark_mapping(const Mapping& m, const CheckingThread& self,
                                const FrozenThreads& others) noexcept {
  std::uint64_t start = m.start;
  bool holds_live_thread = inside(self.stack_top, m);
  if (inside(self.sp, m) &&
      (holds_live_thread || inside(reinterpret_cast<std::uint64_t>(__libc_stack_end), m))) {
    start = self.sp;
  }
  for (std::uint32_t i = 0; i < others.count; ++i) {
    const FrozenThread& t = others.threads[i];
    if (t.answered == 0) continue;
    const bool own_stack = inside(t.stack_top, m);
    if (own_stack && holds_live_thread) {
      start = m.start;  // two stacks without a guard page between: both, whole
    } else if (inside(t.sp, m) &&
               (own_stack || inside(reinterpret_cast<std::uint64_t>(__libc_stack_end), m))) {
      start = t.sp - kRedZone;
    }
    holds_live_thread |= own_stack;
  }
  // A main thread that called pthread_exit: of its stack only the arguments and the environment are live.
  const auto main_stack_end = reinterpret_cast<std::uint64_t>(__libc_stack_end);
  if (others.main_thread_gone && inside(main_stack_end, m)) start = main_stack_end;
  if (!holds_live_thread && others.silent == 0 && holds_dead_thread(m.start, m.end)) return;
  if (start < m.start) start = m.start;
  static const OwnData own = own_data();
  if (own.start < m.end && own.end > start) {
    mark_touched(start, own.start < m.end ? own.start : m.end);
    mark_touched(own.end > start ? own.end : start, m.end);
  } else {
    mark_touched(start, m.end);
  }
}

void Reachability::mark_roots(const MemoryMap& map, const CheckingThread& self,
                              const FrozenThreads& others) noexcept {
  for (std::uint32_t i = 0; i < blocks_.count(); ++i) {
    if (blocks_[i].inherited() || blocks_[i].header().family() == Family::kOwn) mark(i);
  }
  drain();
  const auto registers = [this](const std::uint64_t* from, unsigned count) {
    mark_words(reinterpret_cast<std::uint64_t>(from), reinterpret_cast<std::uint64_t>(from + count));
    // A thread in the middle of free, or of malloc's last steps, may have the header's address only.
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t word = from[i] + kHeaderBytes;
      mark_words(reinterpret_cast<std::uint64_t>(&word), reinterpret_cast<std::uint64_t>(&word + 1));
    }
  };
  registers(self.registers, self.register_count);
  for (std::uint32_t i = 0; i < others.count; ++i) {
    const FrozenThread& t = others.threads[i];
    if (t.answered == 0) continue;
    registers(t.registers, kRegisters);
    // On a stack of the program's own in the heap: all of that block is live.
    if (blocks_.may_point(t.sp)) registers(&t.sp, 1);
  }
  if (blocks_.may_point(self.sp)) registers(&self.sp, 1);
  drain();
  for (std::uint32_t i = 0; i < map.count; ++i) {
    const Mapping& m = map.mappings[i];
    if (!m.readable || !m.writable || m.device) continue;
    const void* start = reinterpret_cast<const void*>(m.start);
    if (heap_zone.holds(start) || table_zone.holds(start) || pages::holds(start)) continue;
    mark_mapping(m, self, others);
  }
}

// Everything that lost blocks lead to is lost through them. Blocks are taken in the order of their
// addresses; a leader that a later one leads to is none.
void Reachability::find_leaders() noexcept {
  for (std::uint32_t i = 0; i < blocks_.count(); ++i) {
    if (blocks_[i].state() != BlockState::kUnreached) continue;
    blocks_[i].set_state(BlockState::kDirect);
    follow_lost(i);
  }
}

void Reachability::follow_lost(std::uint32_t leader) noexcept {
  work_.push(leader);
  for (std::uint32_t block; (block = next()) != LiveBlocks::kNone;) {
    const LiveBlock& from = blocks_[block];
    const auto* at = reinterpret_cast<const std::uint64_t*>(from.start());
    for (std::uint64_t words = from.bytes() / 8; words != 0; --words, ++at) {
      if (!blocks_.may_point(*at)) continue;
      const std::uint32_t to = blocks_.find(*at);
      if (to == LiveBlocks::kNone || to == leader) continue;
      LiveBlock& b = blocks_[to];
      if (b.state() == BlockState::kUnreached) work_.push(to);
      if (b.state() == BlockState::kReachable || b.state() == BlockState::kIndirect) continue;
      b.set_state(BlockState::kIndirect);
      leaders_[to] = leader;
    }
  }
}

// A list that was lost from its far end has as many former leaders as nodes: paths are halved on the way.
std::uint32_t Reachability::leader_of(std::uint32_t block) noexcept {
  while (blocks_[block].state() == BlockState::kIndirect) {
    std::uint32_t& up = leaders_[block];
    if (blocks_[up].state() == BlockState::kIndirect) up = leaders_[up];
    block = up;
  }
  return block;
}

}  // namespace weir
