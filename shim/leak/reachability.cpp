#include "shim/leak/reachability.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "core/pages.hpp"
#include "shim/base/options.hpp"
#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/guard/page_zone.hpp"
#include "shim/life/thread_stacks.hpp"

extern "C" {
// Of the linker: where this library's own file begins in memory.
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
extern void* __libc_stack_end;
}

namespace weir {
namespace {

constexpr std::uint64_t kThreadTable = 8;  // in a thread's control block: the address of its table
constexpr std::uint64_t kRedZone = 128;    // below SP, a leaf function's own

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

bool Reachability::classify(const CheckingThread& self, const FrozenThreads& others) noexcept {
  if (blocks_.count() == 0) return true;
  void* const waiting = table_zone.map(BlockSet::bytes_for(blocks_.count()));
  leaders_ = static_cast<std::uint32_t*>(table_zone.map(blocks_.count() * sizeof(std::uint32_t)));
  if (waiting == nullptr || leaders_ == nullptr) return false;
  reached_.initialize(waiting, blocks_.count());
  if (!find_excluded(self, others)) return false;
  mark_roots(self, others);
  keep_thread_tables();
  find_leaders();
  return true;
}

void Reachability::mark(std::uint32_t block) noexcept {
  LiveBlock& b = blocks_[block];
  if (b.state() != BlockState::kUnreached) return;
  b.set_state(BlockState::kReachable);
  reached_.push(block);
}

// Looks up the words of [at, stop): `found` is called for the blocks that they point to, soon or when the queue of
// words is emptied. With use_unaligned at every byte, for packed structures; a word that the end of a page cuts is not seen.
template <typename F>
void Reachability::look_up(const std::uint64_t* at, const std::uint64_t* stop, F&& found) noexcept {
  if (__builtin_expect(!options.use_unaligned, 1)) {
    for (; at < stop; ++at) {
      if (__builtin_expect(blocks_.may_point(*at), 0)) words_.push(blocks_, *at, found);
    }
    return;
  }
  if (at == stop) return;
  const auto* byte = reinterpret_cast<const char*>(at);
  for (const auto* last = reinterpret_cast<const char*>(stop) - 8; byte <= last; ++byte) {
    std::uint64_t word;
    std::memcpy(&word, byte, sizeof word);
    if (blocks_.may_point(word)) words_.push(blocks_, word, found);
  }
}

void Reachability::mark_words(const std::uint64_t* at, const std::uint64_t* stop) noexcept {
  look_up(at, stop, [this](std::uint32_t block) { mark(block); });
}

// Calls visit(first, last) with the words of a block, or those of its pages that were touched.
template <typename F>
void Reachability::words_of(const LiveBlock& b, F&& visit) noexcept {
  constexpr std::uint64_t kLarge = std::uint64_t{1} << 18;  // from here on asking for its pages costs little
  // The last word may be cut where pointers may lie anywhere: what is behind it up to 16 is the block's as well.
  const std::uint64_t bytes = options.use_unaligned ? round_up(b.used_bytes(), 8) : b.used_bytes();
  const std::uint64_t end = b.start() + bytes;
  if (__builtin_expect(bytes < kLarge && memory_.is_plain(b.start(), end), 1)) {
    // A block that lies on one page has been touched there, by its header at least.
    if ((b.start() - 1) / kPageSize != (end - 1) / kPageSize)
      return memory_.for_plain_words(b.start(), end, visit);
    const auto* first = reinterpret_cast<const std::uint64_t*>(b.start());
    return visit(first, first + bytes / 8);
  }
  memory_.for_words_of_heap(b.start(), end, visit);
}

// The next block to look into, once everything that waits has been looked up; `found` is called for what is.
template <typename F>
std::uint32_t Reachability::next(F&& found) noexcept {
  std::uint32_t block = reached_.pop(blocks_);
  if (__builtin_expect(block != LiveBlocks::kNone, 1)) return block;
  words_.flush(blocks_, found);
  return reached_.pop(blocks_);
}

void Reachability::drain() noexcept {
  const auto visit = [this](const std::uint64_t* at, const std::uint64_t* stop) { mark_words(at, stop); };
  const auto found = [this](std::uint32_t block) { mark(block); };
  for (std::uint32_t block; (block = next(found)) != LiveBlocks::kNone;) words_of(blocks_[block], visit);
}

// The one that the address lies on; nullptr for none.
const StackRange* SignalStacks::find(std::uint64_t sp) const noexcept {
  const StackRange* const behind =
      std::upper_bound(ranges, ranges + count, sp,
                       [](std::uint64_t address, const StackRange& r) { return address < r.start; });
  if (behind == ranges) return nullptr;
  return sp <= behind[-1].end ? behind - 1 : nullptr;
}

// Lists what is no root: exactly the stacks' dead parts, and weir's own data.
bool Reachability::find_excluded(const CheckingThread& self, const FrozenThreads& others) noexcept {
  constexpr std::uint32_t kMost = 1u << 18;
  excluded_ = static_cast<Range*>(table_zone.map(kMost * sizeof(Range)));
  if (excluded_ == nullptr) return false;
  const auto exclude = [this](std::uint64_t start, std::uint64_t end) {
    if (start < end && excluded_count_ < kMost) excluded_[excluded_count_++] = {start, end};
  };
  const OwnData own = own_data();
  exclude(own.start, own.end);

  // Of the main thread's stack the kernel knows where it begins.
  const auto main_end = reinterpret_cast<std::uint64_t>(__libc_stack_end);
  const std::uint32_t main_at = memory_.map().first_above(main_end);
  Mapping main{};
  if (main_at < memory_.map().count) main = memory_.map().mappings[main_at];
  if (!inside(main_end, main)) main = {};

  const auto exclude_below = [&](std::uint64_t sp, std::uint64_t control) {
    // It may lie in the middle of a stack: what was interrupted is live, on both sides.
    if (const StackRange* const on = signal_stacks_.find(sp); on != nullptr) return exclude(on->start, sp);
    if (inside(sp, main)) return exclude(main.start, sp);
    const ThreadStack stack = stack_of_thread(control);
    if (sp >= stack.start && sp < stack.end) exclude(stack.start, sp);
  };
  if (self.on_own_stack) exclude_below(self.sp, self.stack_top);
  for (std::uint32_t i = 0; i < others.count; ++i) {
    const FrozenThread& t = others.threads[i];
    if (t.answered != 0) exclude_below(t.sp - kRedZone, t.stack_top);
  }
  // A main thread that called pthread_exit: of its stack only the arguments and the environment are live.
  if (others.main_thread_gone) exclude(main.start, main_end);
  for_unused_stacks([&](const ThreadStack& s, StackUse use) {
    if (use == StackUse::kEnded) {
      exclude(s.start, s.control);
      return exclude(s.control + kThreadTable, s.control + kThreadTable + 8);
    }
    exclude(s.start, s.end);
  });
  std::sort(excluded_, excluded_ + excluded_count_,
            [](const Range& a, const Range& b) { return a.start < b.start; });
  return true;
}

// Of weir's own: the zones, as far as weir has mapped them.
bool Reachability::is_own(const Mapping& m) const noexcept {
  if (pages::holds(m.start)) return pages::region_of(m.start).has_taken(m.start);
  return heap_zone.is_own(m.start) || table_zone.is_own(m.start);
}

void Reachability::mark_mapping(const Mapping& m) noexcept {
  const auto visit = [this](const std::uint64_t* at, const std::uint64_t* stop) { mark_words(at, stop); };
  std::uint64_t at = m.start;
  for (; next_excluded_ < excluded_count_ && excluded_[next_excluded_].start < m.end; ++next_excluded_) {
    const Range& out = excluded_[next_excluded_];
    if (out.start > at) memory_.for_words(m, at, out.start, visit);
    if (out.end > at) at = out.end;
    if (out.end > m.end) break;  // goes on in the next mapping
  }
  if (at < m.end) memory_.for_words(m, at, m.end, visit);
  drain();
}

// The next thread on such a stack takes over the table of thread-local blocks and writes the blocks anew: they are not
// lost, but what lies in them is of the thread that has ended. After all that is live has been marked.
void Reachability::keep_thread_tables() noexcept {
  const auto keep = [this](std::uint64_t word) {
    const std::uint32_t block = blocks_.may_point(word) ? blocks_.find(word) : LiveBlocks::kNone;
    if (block == LiveBlocks::kNone || blocks_[block].state() != BlockState::kUnreached)
      return LiveBlocks::kNone;
    blocks_[block].set_state(BlockState::kReachable);
    return block;
  };
  const MemoryMap& map = memory_.map();
  for_unused_stacks([&](const ThreadStack& s, StackUse) {
    const std::uint64_t at = s.control + kThreadTable;
    const std::uint32_t mapping = map.first_above(at);
    if (mapping == map.count || map.mappings[mapping].start > at) return;
    std::uint32_t table = LiveBlocks::kNone;
    memory_.for_words(map.mappings[mapping], at, at + 8,
                      [&](const std::uint64_t* word, const std::uint64_t* stop) {
                        if (word < stop) table = keep(*word);
                      });
    if (table == LiveBlocks::kNone) return;
    const auto* const words = reinterpret_cast<const std::uint64_t*>(blocks_[table].start());
    for (std::uint64_t i = 0; i < blocks_[table].bytes() / 8; ++i) keep(words[i]);
  });
}

void Reachability::mark_roots(const CheckingThread& self, const FrozenThreads& others) noexcept {
  for (std::uint32_t i = 0; i < blocks_.count(); ++i) {
    if (blocks_[i].is_root()) mark(i);
  }
  drain();
  const auto registers = [this](const std::uint64_t* from, unsigned count) {
    mark_words(from, from + count);
    // A thread in the middle of free, or of malloc's last steps, may have the header's address only.
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t word = from[i] + kHeaderBytes;
      mark_words(&word, &word + 1);
    }
  };
  registers(self.registers, self.register_count);
  mark_words(self.vectors.words, self.vectors.words + self.vectors.count);
  const std::uint64_t own_gs_base = sys::gs_base();
  registers(&own_gs_base, 1);
  for (std::uint32_t i = 0; i < others.count; ++i) {
    const FrozenThread& t = others.threads[i];
    if (t.answered == 0) continue;
    registers(t.registers, kRegisters);
    registers(&t.gs_base, 1);
    mark_words(t.vectors.words, t.vectors.words + t.vectors.count);
    // On a stack of the program's own in the heap: all of that block is live.
    if (blocks_.may_point(t.sp)) registers(&t.sp, 1);
  }
  if (blocks_.may_point(self.sp)) registers(&self.sp, 1);
  for (std::uint32_t i = 0; i < signal_stacks_.count; ++i) registers(&signal_stacks_.ranges[i].start, 1);
  drain();
  const MemoryMap& map = memory_.map();
  for (std::uint32_t i = 0; i < map.count; ++i) {
    if (!is_own(map.mappings[i])) mark_mapping(map.mappings[i]);
  }
  const MemoryMap& missing = memory_.missing();
  const auto visit = [this](const std::uint64_t* at, const std::uint64_t* stop) { mark_words(at, stop); };
  for (std::uint32_t i = 0; i < missing.count; ++i) {
    const Mapping& m = missing.mappings[i];
    if (is_own(m)) continue;
    memory_.words_of_missing(m, m.start, m.end, visit);
    drain();
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
  const auto found = [this, leader](std::uint32_t to) {
    if (to == leader) return;
    LiveBlock& b = blocks_[to];
    if (b.state() == BlockState::kUnreached) reached_.push(to);
    if (b.state() == BlockState::kReachable || b.state() == BlockState::kIndirect) return;
    b.set_state(BlockState::kIndirect);
    leaders_[to] = leader;
  };
  const auto visit = [&](const std::uint64_t* at, const std::uint64_t* stop) { look_up(at, stop, found); };
  reached_.push(leader);
  for (std::uint32_t block; (block = next(found)) != LiveBlocks::kNone;) words_of(blocks_[block], visit);
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
