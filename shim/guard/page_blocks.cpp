#include "shim/guard/page_blocks.hpp"

#include <errno.h>
#include <sys/mman.h>

#include <cstring>

#include "shim/base/options.hpp"
#include "shim/base/say.hpp"
#include "shim/base/sys.hpp"

namespace weir::pages {
namespace {

// What a freed block costs while it is remembered: its facts and its share of the tables.
constexpr std::uint64_t kBytesRemembered = 256;

// Of freed blocks, the pages that stay mapped: 8 MiB at most.
constexpr std::uint64_t kMostKeptPages = 2048;
constexpr std::uint64_t kMostKeptOfABlock = 4;

constinit bool at_front = false;
constinit std::uint64_t quarantine = 0;
constinit std::uint64_t most_mappings = 0;
constinit std::uint64_t most_kept = 0;
constinit std::atomic<std::uint64_t> mappings{0};
constinit std::atomic<std::uint64_t> kept_pages{0};
constinit std::atomic<std::uint64_t> made{0};
constinit std::atomic<std::uint64_t> live{0};
constinit std::atomic<std::uint64_t> refused{0};

void unmap(std::uint64_t start, std::uint64_t bytes) noexcept {
  sys::call(SYS_munmap, static_cast<long>(start), static_cast<long>(bytes));
}

// 0, or -errno; -EEXIST where something lies already.
long map_fresh(std::uint64_t start, std::uint64_t bytes) noexcept {
  const long got =
      sys::call(SYS_mmap, static_cast<long>(start), static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == static_cast<long>(start)) return 0;
  if (got < 0) return got;
  unmap(static_cast<std::uint64_t>(got), bytes);  // a kernel without NOREPLACE
  return -EEXIST;
}

bool protect(const PageBlock& block, int access) noexcept {
  return sys::call(SYS_mprotect, static_cast<long>(block.pages_start()),
                   static_cast<long>(block.pages_end() - block.pages_start()), access) == 0;
}

bool take_mapping() noexcept {
  if (mappings.fetch_add(1, std::memory_order_relaxed) < most_mappings) return true;
  mappings.fetch_sub(1, std::memory_order_relaxed);
  return false;
}
void give_mapping() noexcept {
  mappings.fetch_sub(1, std::memory_order_relaxed);
}

// The system refuses the program's own mappings where ours have used them up: at most half are for us.
std::uint64_t half_of_systems_limit() noexcept {
  const int fd = sys::open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return UINT64_MAX;
  char text[32] = "";
  const long n = sys::read(fd, text, sizeof text);
  sys::close(fd);
  std::uint64_t limit = 0;
  for (long i = 0; i < n && text[i] >= '0' && text[i] <= '9'; ++i) {
    limit = limit * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return limit != 0 ? limit / 2 : UINT64_MAX;
}

__attribute__((noinline, cold)) void* refuse(const char* why) noexcept {
  if (refused.fetch_add(1, std::memory_order_relaxed) == 0 && options.verbosity >= 1) {
    Line()
        .text("weir: guard=page: ")
        .text(why)
        .text(" with ")
        .number(live.load(std::memory_order_relaxed))
        .text(" blocks on pages of their own (guard_mappings=")
        .number(most_mappings)
        .text("); further ones get canaries")
        .say();
  }
  return nullptr;
}

// Where in its slot a block begins.
std::uint64_t place(const PageBlock& slot, std::size_t bytes, std::size_t alignment) noexcept {
  if (at_front) return round_up(slot.slot_start + kPageSize, alignment);
  return (slot.slot_end() - kPageSize - bytes) & ~(std::uint64_t{alignment} - 1);
}

// The canary's word of a block; the byte at address a is byte a % 8 of it. Odd bytes from 0x81 to 0xbf: no
// text, no zero, no 0xff.
std::uint64_t canary_word(const PageBlock& block) noexcept {
  const std::uint64_t x = (block.start ^ header_key) * 0x9e3779b97f4a7c15u;
  return ((x ^ x >> 32) & 0x3e3e'3e3e'3e3e'3e3eu) | 0x8181'8181'8181'8181u;
}

unsigned char canary_byte(std::uint64_t word, std::uint64_t address) noexcept {
  return static_cast<unsigned char>(word >> (address & 7) * 8);
}

// Calls with (address, word) for whole words, with (address) for the bytes before and behind them.
template <typename OnWord, typename OnByte>
void for_range(std::uint64_t from, std::uint64_t to, OnWord&& on_word, OnByte&& on_byte) noexcept {
  for (; from < to && from % 8 != 0; ++from) on_byte(from);
  for (; from + 8 <= to; from += 8) on_word(from);
  for (; from < to; ++from) on_byte(from);
}

void fill(std::uint64_t from, std::uint64_t to, std::uint64_t word) noexcept {
  for_range(
      from, to, [&](std::uint64_t at) { *reinterpret_cast<std::uint64_t*>(at) = word; },
      [&](std::uint64_t at) { *reinterpret_cast<unsigned char*>(at) = canary_byte(word, at); });
}

PageDamage damage_in(const PageBlock& block, std::uint64_t from, std::uint64_t to) noexcept {
  const std::uint64_t word = canary_word(block);
  PageDamage found{0, 0, 0};
  const auto look_at_byte = [&](std::uint64_t at) {
    if (*reinterpret_cast<const unsigned char*>(at) == canary_byte(word, at)) return;
    found.last = static_cast<std::int64_t>(at - block.start);
    if (found.count++ == 0) found.first = found.last;
  };
  for_range(
      from, to,
      [&](std::uint64_t at) {
        if (*reinterpret_cast<const std::uint64_t*>(at) == word) return;
        for (std::uint64_t i = 0; i < 8; ++i) look_at_byte(at + i);
      },
      look_at_byte);
  return found;
}

std::uint64_t pages_of(const PageBlock& block) noexcept {
  return (block.pages_end() - block.pages_start()) / kPageSize;
}

// Takes the access to a block's pages away and leaves them mapped. False where too many are kept, or live
// blocks may need the mapping.
bool keep_pages(PageBlock& block) noexcept {
  const std::uint64_t pages = pages_of(block);
  if (pages > kMostKeptOfABlock || mappings.load(std::memory_order_relaxed) > most_mappings / 2) return false;
  if (kept_pages.fetch_add(pages, std::memory_order_relaxed) + pages <= most_kept &&
      protect(block, PROT_NONE)) {
    block.kept.store(true, std::memory_order_relaxed);
    return true;
  }
  kept_pages.fetch_sub(pages, std::memory_order_relaxed);
  return false;
}

// Opens what keep_pages left of the last block, as far as it is of use to one in [first, behind): true when
// that is all of it.
bool open_kept(PageBlock& last, std::uint64_t first, std::uint64_t behind) noexcept {
  if (!last.kept.exchange(false, std::memory_order_relaxed)) return false;
  kept_pages.fetch_sub(pages_of(last), std::memory_order_relaxed);
  give_mapping();  // the new block has its own
  if (last.pages_start() == first && last.pages_end() == behind && protect(last, PROT_READ | PROT_WRITE)) {
    return true;
  }
  unmap(last.pages_start(), pages_of(last) * kPageSize);
  return false;
}

// Opens the pages of a slot for the block that `block` describes; kept ones are open already, with what was
// in the last block.
long open_block(PageBlock& block, bool is_open) noexcept {
  const std::uint64_t first = block.pages_start();
  const std::uint64_t behind = block.pages_end();
  if (first == behind) return 0;
  if (is_open) {
    std::memset(reinterpret_cast<void*>(block.start), 0, block.bytes());
  } else if (const long error = map_fresh(first, behind - first); error != 0) {
    return error;
  }
  const std::uint64_t word = canary_word(block);
  fill(first, block.start, word);
  fill(block.end(), behind, word);
  return 0;
}

void describe(PageBlock& block, std::uint64_t start, std::size_t bytes, std::size_t alignment,
              const PageCall& by) noexcept {
  const auto log2_alignment = static_cast<unsigned>(__builtin_ctzll(alignment));
  block.start = start;
  block.header.stamp(bytes, log2_alignment, by.family, by.stack);
  block.log2_alignment = static_cast<std::uint8_t>(log2_alignment);
  block.made_meta = by.meta;
  block.told.store(false, std::memory_order_relaxed);
  block.freed_meta = 0;
  block.freed_stack = 0;
}

// A slot whose pages are open, with its block described. nullptr, and why.
PageBlock* take_open_slot(std::size_t bytes, std::size_t alignment, const PageCall& by,
                          const char*& why) noexcept {
  const std::uint64_t aligning = alignment > kPageSize ? alignment / kPageSize : 0;
  const std::uint64_t pages = (round_up(bytes, kPageSize) / kPageSize) + 1 + (bytes == 0 ? 1 : 0) + aligning;
  constexpr int kCollisions = 64;
  for (int tries = 0; tries < kCollisions; ++tries) {
    PageBlock* const block = take_slot(pages, quarantine);
    why = "there is no room";
    if (block == nullptr) return nullptr;
    // A slot in which somebody uses a freed block, or in which something lies that is not ours,
    // is left alone.
    if (block->opened.load(std::memory_order_relaxed)) continue;
    block->state.store(PageState::kEnding, std::memory_order_release);
    const std::uint64_t start = place(*block, bytes, alignment);
    const bool is_open = open_kept(*block, first_page(start), page_behind(start, bytes));
    describe(*block, start, bytes, alignment, by);
    const long error = open_block(*block, is_open);
    if (error == 0) return block;
    block->state.store(PageState::kNone, std::memory_order_release);
    if (error == -EEXIST) continue;
    why = "the system gives no mapping";
    give_slot(*block);
    return nullptr;
  }
  return nullptr;
}

}  // namespace

void set_up_blocks() noexcept {
  at_front = options.guard == kGuardPageFront;
  const std::uint64_t remembered = options.quarantine_bytes / kBytesRemembered;
  quarantine = remembered < options.quarantine_blocks ? remembered : options.quarantine_blocks;
  const std::uint64_t half = half_of_systems_limit();
  most_mappings = options.guard_mappings < half ? options.guard_mappings : half;
  most_kept = most_mappings / 16 < kMostKeptPages ? most_mappings / 16 : kMostKeptPages;
}

void* allocate(std::size_t bytes, std::size_t alignment, const PageCall& by) noexcept {
  constexpr std::size_t kLeastAlignment = 16;
  if (alignment < kLeastAlignment) alignment = kLeastAlignment;
  if (bytes > kPageZoneSpan / 4 || alignment > kPageZoneSpan / 4) return refuse("a block is too large");
  if (bytes != 0 && !take_mapping()) return refuse("the budget of mappings is used up");
  const char* why = nullptr;
  PageBlock* const block = take_open_slot(bytes, alignment, by, why);
  if (block == nullptr) {
    if (bytes != 0) give_mapping();
    return refuse(why);
  }
  made.fetch_add(1, std::memory_order_relaxed);
  live.fetch_add(1, std::memory_order_relaxed);
  block->state.store(PageState::kLive, std::memory_order_release);
  return reinterpret_cast<void*>(block->start);
}

PageBlock* find(const void* address) noexcept {
  const auto at = reinterpret_cast<std::uint64_t>(address);
  if (!holds(at)) return nullptr;
  PageBlock* const block = region_of(at).find(at);
  return block != nullptr && block->stage() != PageState::kNone ? block : nullptr;
}

PageDamage damage_in_front(const PageBlock& block) noexcept {
  return block.bytes() == 0 ? PageDamage{0, 0, 0} : damage_in(block, block.pages_start(), block.start);
}
PageDamage damage_behind(const PageBlock& block) noexcept {
  return block.bytes() == 0 ? PageDamage{0, 0, 0} : damage_in(block, block.end(), block.pages_end());
}
unsigned char canary_at(const PageBlock& block, std::uint64_t address) noexcept {
  return canary_byte(canary_word(block), address);
}

bool release(PageBlock& block, const PageCall& by) noexcept {
  PageState expected = PageState::kLive;
  if (!block.state.compare_exchange_strong(expected, PageState::kEnding, std::memory_order_acq_rel)) {
    return false;
  }
  block.freed_stack = by.stack;
  block.freed_meta = by.meta;
  live.fetch_sub(1, std::memory_order_relaxed);
  if (__builtin_expect(keep_mapped.load(std::memory_order_acquire), 0)) {
    block.state.store(PageState::kFreed, std::memory_order_release);
    return true;
  }
  bool keeps = false;
  if (block.opened.exchange(false, std::memory_order_relaxed)) {
    unmap(block.slot_start, block.slot_pages * kPageSize);
  } else if (block.bytes() != 0) {
    keeps = keep_pages(block);
    if (!keeps) unmap(block.pages_start(), pages_of(block) * kPageSize);
  }
  if (block.bytes() != 0 && !keeps) give_mapping();
  block.state.store(PageState::kFreed, std::memory_order_release);
  give_slot(block);
  return true;
}

bool open_page(PageBlock& block, std::uint64_t address) noexcept {
  block.opened.store(true, std::memory_order_relaxed);
  const bool holds = address - block.pages_start() < pages_of(block) * kPageSize;
  if (holds && block.kept.load(std::memory_order_relaxed)) {
    return protect(block, PROT_READ | PROT_WRITE);
  }
  const long error = map_fresh(first_page(address), kPageSize);
  return error == 0 || error == -EEXIST;
}

PageCounts page_counts() noexcept {
  return {made.load(std::memory_order_relaxed), live.load(std::memory_order_relaxed),
          mappings.load(std::memory_order_relaxed), refused.load(std::memory_order_relaxed)};
}

void lock_for_fork() noexcept {
  slots_lock.lock();
}
void unlock_after_fork() noexcept {
  slots_lock.unlock();
}

}  // namespace weir::pages
