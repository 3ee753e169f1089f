#include "shim/guard/page_slots.hpp"

#include <sys/mman.h>

#include "shim/base/sys.hpp"

namespace weir::pages {

constinit std::atomic<bool> keep_mapped{false};
constinit OwnedLock slots_lock;
constinit PageRegion small_slots(kPageZoneBase, kPageShift);
constinit PageRegion large_slots(kPageZoneBase + kPageZoneSpan / 2, 21);

namespace {

constexpr std::uint64_t kMostSmallPages = 512;

constinit std::atomic<std::uint64_t> freed{0};

// Freed by a signal handler that came while its own thread held the lock: linked by `freed_as`, given back by
// whoever holds the lock next.
constinit std::atomic<PageBlock*> deferred{nullptr};

// Two steps a doubling: 1, 2, 3, 4, 6, 8, 12, …
struct SlotClass {
  unsigned number;
  std::uint64_t grains;
};
SlotClass class_of(std::uint64_t grains) noexcept {
  if (grains <= 2) return {static_cast<unsigned>(grains), grains};
  const unsigned top =
      63 - static_cast<unsigned>(__builtin_clzll(grains - 1));  // 2^top < grains <= 2^(top+1)
  const std::uint64_t middle = std::uint64_t{3} << (top - 1);
  if (grains <= middle) return {2 * top + 1, middle};
  return {2 * top + 2, std::uint64_t{2} << top};
}

void take_back_deferred() noexcept {
  PageBlock* block = deferred.exchange(nullptr, std::memory_order_acquire);
  while (block != nullptr) {
    auto* const next = reinterpret_cast<PageBlock*>(block->freed_as);
    region_of(block->slot_start).give(*block);
    block = next;
  }
}

}  // namespace

bool OwnedLock::lock() noexcept {
  const auto self = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
  for (int spins = 1;; ++spins) {
    std::uint64_t holder = 0;
    if (holder_.compare_exchange_weak(holder, self, std::memory_order_acquire)) return true;
    if (holder == self) return false;
    if (spins % 64 == 0) {
      sys::call(SYS_sched_yield);
    } else {
      __builtin_ia32_pause();
    }
  }
}

// A page without access at the beginning of the 2 MiB that the slot would reach into. While it is there the
// system keeps its table of these pages: without it, freeing the only block in them costs a third more, and
// the program's other pages their places in the processor's tables.
void PageRegion::pin_table(std::uint64_t bytes) noexcept {
  const std::uint64_t table = (next_ + bytes) / kZoneGrain * kZoneGrain;
  if (next_ >= table) return;
  sys::call(SYS_mmap, static_cast<long>(table), kPageSize, PROT_NONE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  next_ = table + kPageSize;
}

PageBlock* PageRegion::cut(std::uint64_t pages) noexcept {
  const std::uint64_t bytes = pages * kPageSize;
  if (grain_shift_ == kPageShift) pin_table(bytes);
  const std::uint64_t grains = bytes >> grain_shift_;
  const std::uint64_t first = (next_ - base_) >> grain_shift_;
  const std::uint32_t index = count_.load(std::memory_order_relaxed);
  if (bytes > base_ + kPageZoneSpan / 2 - next_) return nullptr;
  if (!blocks_.ensure(index + 1) || !owners_.ensure(first + grains + 1)) return nullptr;
  PageBlock& block = blocks_[index];
  block.slot_start = next_;
  block.slot_pages = static_cast<std::uint32_t>(pages);
  for (std::uint64_t i = 0; i < grains; ++i) {
    __atomic_store_n(&owners_[first + i], index + 1, __ATOMIC_RELEASE);
  }
  next_ += bytes;
  count_.store(index + 1, std::memory_order_release);
  return &block;
}

PageBlock* PageRegion::take_first(Queue& queue) noexcept {
  PageBlock& block = blocks_[queue.first - 1];
  queue.first = block.next;
  if (queue.first == 0) queue.last = 0;
  return &block;
}

PageBlock* PageRegion::take(std::uint64_t pages, std::uint64_t freed_blocks,
                            std::uint64_t quarantine) noexcept {
  const std::uint64_t pages_a_grain = (std::uint64_t{1} << grain_shift_) / kPageSize;
  const SlotClass size = class_of((pages + pages_a_grain - 1) / pages_a_grain);
  if (size.number >= kClasses || size.grains * pages_a_grain > UINT32_MAX) return nullptr;
  Queue& queue = queues_[size.number];
  if (queue.first != 0 && freed_blocks - blocks_[queue.first - 1].freed_as >= quarantine) {
    return take_first(queue);
  }
  if (PageBlock* fresh = cut(size.grains * pages_a_grain); fresh != nullptr) return fresh;
  return queue.first != 0 ? take_first(queue) : nullptr;
}

void PageRegion::give(PageBlock& block) noexcept {
  const auto number = static_cast<std::uint32_t>(&block - blocks_.data()) + 1;
  Queue& queue = queues_[class_of(block.slot_pages * kPageSize >> grain_shift_).number];
  block.freed_as = freed.fetch_add(1, std::memory_order_relaxed) + 1;
  block.next = 0;
  if (queue.last != 0) {
    blocks_[queue.last - 1].next = number;
  } else {
    queue.first = number;
  }
  queue.last = number;
}

PageBlock* PageRegion::find(std::uint64_t address) const noexcept {
  const std::uint64_t grain = (address - base_) >> grain_shift_;
  if (count() == 0) return nullptr;
  const PageBlock& last = blocks_[count() - 1];
  if (address - base_ >= last.slot_end() - base_) return nullptr;  // or below the base
  const std::uint32_t number = __atomic_load_n(&owners_[grain], __ATOMIC_ACQUIRE);
  return number != 0 ? &blocks_[number - 1] : nullptr;
}

PageBlock* PageRegion::last_from(std::uint64_t address) const noexcept {
  std::uint32_t first = 0;
  std::uint32_t behind = count();
  while (first < behind) {
    const std::uint32_t middle = first + (behind - first) / 2;
    if (blocks_[middle].slot_start <= address) {
      first = middle + 1;
    } else {
      behind = middle;
    }
  }
  return first != 0 ? &blocks_[first - 1] : nullptr;
}

PageBlock* PageRegion::before(const PageBlock& block) const noexcept {
  const auto index = static_cast<std::uint32_t>(&block - blocks_.data());
  return index != 0 ? &blocks_[index - 1] : nullptr;
}

PageBlock* PageRegion::behind(const PageBlock& block) const noexcept {
  const auto index = static_cast<std::uint32_t>(&block - blocks_.data());
  return index + 1 < count() ? &blocks_[index + 1] : nullptr;
}

PageBlock* take_slot(std::uint64_t pages, std::uint64_t quarantine) noexcept {
  if (!slots_lock.lock()) return nullptr;
  take_back_deferred();
  PageRegion& region = pages <= kMostSmallPages ? small_slots : large_slots;
  PageBlock* const block = region.take(pages, freed.load(std::memory_order_relaxed), quarantine);
  slots_lock.unlock();
  return block;
}

void give_slot(PageBlock& block) noexcept {
  if (slots_lock.lock()) {
    take_back_deferred();
    region_of(block.slot_start).give(block);
    slots_lock.unlock();
    return;
  }
  PageBlock* first = deferred.load(std::memory_order_relaxed);
  do {
    block.freed_as = reinterpret_cast<std::uint64_t>(first);
  } while (!deferred.compare_exchange_weak(first, &block, std::memory_order_release));
}

}  // namespace weir::pages
