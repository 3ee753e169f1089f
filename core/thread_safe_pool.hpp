// A BlockPool for several threads: blocks acquired by one may be released by another.
//
// - Threads are dealt out to a few shards, each a short list of free blocks behind a lock in a cache line of
//   its own. A thread that finds its shard locked, empty or overfull goes to the BlockPool behind all of
//   them, to which blocks go and from which they come by the batch. So a lock is as good as never waited
//   for, and one thread's producing and another's consuming cost one visit of the common lock for a batch.
// - Why not a lock-free stack: a thread that has read the top and its link may sleep until both were popped
//   and the top pushed again, and then puts a link in that is no longer true ("ABA"). The cure, a tag that
//   counts with the top, needs a 128-bit exchange or indices in place of addresses, and links outside of the
//   blocks, since they are read when a block may already be another thread's. Measured, a pair of index and
//   tag costs 11 ns for acquire and release, two exchanges of a lock's byte in a line
//   that nobody else wants 4.4 (Zen 4).
// - acquire fails only after it has looked through all shards: at the limit, blocks that lie with one thread
//   serve the others. Only blocks that another thread is just then carrying to or from its shard are missed.
// - Threads leave nothing behind when they end: a shard belongs to the pool,
//   and is used by whoever comes next.
// - A held lock stays held in the child of a fork: fork while no other thread uses the pool.
// - Construction and destruction are for one thread. The backing allocator is only called under a lock of
//   the pool, and must be thread-safe itself if others use it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

#include "allocator.hpp"
#include "page_allocator.hpp"
#include "pool/block_pool.hpp"
#include "pool/slab_table.hpp"
#include "pool/spin_lock.hpp"
#include "sanitizers.hpp"

namespace weir {

// 0, 1, 2... in the order in which threads ask first.
inline unsigned thread_number() noexcept {
  static constinit std::atomic<unsigned> next{0};
  static constinit thread_local unsigned number_plus_one = 0;
  if (number_plus_one == 0) [[unlikely]] {
    number_plus_one = next.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  return number_plus_one - 1;
}

template <Allocator Backing, std::size_t kShards = 16, typename Links = LinkInFront>
class ThreadSafePool {
 public:
  ThreadSafePool(Backing& backing, Layout block, BlockPoolOptions options = {}) noexcept
      : common_(backing, block, options),
        block_size_(common_.block_size()),
        alignment_(common_.alignment()) {}
  ThreadSafePool(const ThreadSafePool&) = delete;
  ThreadSafePool& operator=(const ThreadSafePool&) = delete;

  void* allocate(Layout layout, CallerAddress caller) noexcept {
    if (layout.bytes > block_size_ || layout.alignment > alignment_) [[unlikely]] {
      return nullptr;
    }
    return acquire(caller);
  }
  bool resize(void*, Layout, std::size_t bytes, CallerAddress) noexcept { return bytes <= block_size_; }
  void* remap(void* block, Layout, std::size_t bytes, CallerAddress) noexcept {
    return bytes <= block_size_ ? block : nullptr;
  }
  void deallocate(void* block, Layout, CallerAddress) noexcept { release(block); }

  bool owns(const void* p) const noexcept {
    const SlabPlace place = place_of(p);
    return place.begin != 0 &&
           (!sanitizer::active() || (address_of(p) - place.begin) % stride() < block_size_);
  }
  std::size_t usable_size(const void*, Layout) const noexcept { return block_size_; }

  void* acquire(CallerAddress caller = nullptr) noexcept {
    Shard& shard = own_shard();
    if (shard.lock.try_lock()) [[likely]] {
      void* block = shard.pop();
      shard.lock.unlock();
      if (block != nullptr) [[likely]] {
        return opened(block);
      }
    }
    return acquire_from_common(shard, caller);
  }
  void release(void* block) noexcept {
    if (sanitizer::active()) [[unlikely]]
      sanitizer::close(block, Links::closed(block_size_));
    Shard& shard = own_shard();
    if (!shard.lock.try_lock()) [[unlikely]] {
      release_to_common(block, nullptr);
      return;
    }
    shard.push(block);
    void* surplus = shard.blocks > kMost ? shard.cut_after(kBatch) : nullptr;
    shard.lock.unlock();
    if (surplus != nullptr) [[unlikely]] {
      release_to_common(nullptr, surplus);
    }
  }

  // Takes memory now, so that the next `blocks` blocks need none.
  bool warm_up(std::size_t blocks, CallerAddress caller = nullptr) noexcept {
    const std::lock_guard guard(common_lock_);
    return common_.warm_up(blocks, caller);
  }

  // Empties the shards and gives back the slabs that have no block in use, after visit(std::byte* block) for
  // each of their blocks that had been in use; the visit is under the pool's lock. Returns their bytes.
  template <typename Visit>
  std::size_t trim(Visit visit) noexcept {
    for (Shard& shard : shards_) {
      shard.lock.lock();
      void* all = shard.cut_after(0);
      shard.lock.unlock();
      release_to_common(nullptr, all);
    }
    const std::lock_guard guard(common_lock_);
    const std::size_t given = common_.trim(visit);
    table_.update(common_);
    return given;
  }
  std::size_t trim() noexcept {
    return trim([](std::byte*) {});
  }

  // The slab of a block that was handed out once. Without a lock while it is one of the newest slabs', in
  // which nearly all blocks lie, and while no other thread adds or gives back a slab.
  SlabPlace place_of(const void* p) const noexcept {
    const SlabPlace place = table_.find(p);
    if (place.begin != 0) [[likely]] {
      return place;
    }
    const std::lock_guard guard(common_lock_);
    const auto* slab = common_.slab_of(p);
    return slab == nullptr ? SlabPlace{} : SlabPlace{address_of(slab->begin), slab->first_index};
  }

  // use(std::byte* block) with the block of this index if it was handed out once, nullptr otherwise; under the
  // pool's lock, so that the block is not given back meanwhile.
  template <typename Use>
  auto with_block_at(std::size_t index, Use use) const noexcept {
    const std::lock_guard guard(common_lock_);
    return use(common_.block_at(index));
  }

  // For one thread, as the destructor is.
  template <typename Visit>
  void for_each_carved(Visit visit) const noexcept {
    common_.for_each_carved(visit);
  }

  std::size_t block_size() const noexcept { return block_size_; }
  std::size_t stride() const noexcept { return common_.stride(); }  // as that of BlockPool
  std::size_t alignment() const noexcept { return alignment_; }
  std::size_t limit() const noexcept { return common_.limit(); }

  // Exact while no other thread acquires or releases.
  std::size_t in_use() const noexcept {
    std::size_t free = 0;
    for (const Shard& shard : shards_) {
      const std::lock_guard guard(shard.lock);
      free += shard.blocks;
    }
    const std::lock_guard guard(common_lock_);
    return common_.in_use() - free;
  }
  std::size_t capacity() const noexcept {
    const std::lock_guard guard(common_lock_);
    return common_.capacity();
  }
  // What lay free in shards is counted as used: too high by at most kShards * kMost blocks.
  std::size_t high_water_mark() const noexcept {
    const std::lock_guard guard(common_lock_);
    return common_.high_water_mark();
  }

  static constexpr std::size_t kBatch = 16;
  static constexpr std::size_t kMost = 2 * kBatch;  // blocks that lie free in a shard

 private:
  struct alignas(64) Shard {
    mutable SpinLock lock;
    std::size_t blocks = 0;
    void* first = nullptr;

    void* pop() noexcept {
      void* block = first;
      if (block != nullptr) [[likely]] {
        first = Links::next(block);
        --blocks;
      }
      return block;
    }
    void push(void* block) noexcept {
      Links::set_next(block, first);
      first = block;
      ++blocks;
    }
    // Keeps the `kept` blocks released last, and returns the list of the others.
    void* cut_after(std::size_t kept) noexcept {
      if (kept == 0 || blocks <= kept) {
        return kept != 0 ? nullptr : (blocks = 0, std::exchange(first, nullptr));
      }
      void* last = first;
      for (std::size_t i = 1; i < kept; ++i) {
        last = Links::next(last);
      }
      void* others = Links::next(last);
      Links::set_next(last, nullptr);
      blocks = kept;
      return others;
    }
  };

  void* opened(void* block) const noexcept {
    if (sanitizer::active()) [[unlikely]]
      sanitizer::open(block, Links::opened(block_size_));
    return block;
  }

  Shard& own_shard() noexcept { return shards_[thread_number() % kShards]; }

  [[gnu::noinline]] void* acquire_from_common(Shard& shard, CallerAddress caller) noexcept {
    std::array<void*, kBatch> batch;
    std::size_t blocks = 0;
    {
      // One as it must be, the others if they need no memory.
      const std::lock_guard guard(common_lock_);
      const std::size_t carved = common_.carved();
      while (blocks < kBatch && (blocks == 0 || common_.in_use() < common_.capacity())) {
        void* block = common_.acquire_released();
        if (block == nullptr) {
          block = common_.acquire_unused(caller);
          if (block == nullptr) {
            break;
          }
          Links::prepare(block);
        }
        batch[blocks++] = block;
      }
      if (common_.carved() != carved) {
        table_.update(common_);
      }
    }
    if (blocks == 0) {
      return acquire_from_others();
    }
    if (blocks > 1) {
      const std::lock_guard guard(shard.lock);
      while (blocks > 1) {
        --blocks;
        if (sanitizer::active()) sanitizer::close(batch[blocks], Links::closed(block_size_));
        shard.push(batch[blocks]);
      }
    }
    return batch[0];
  }

  void* acquire_from_others() noexcept {
    for (Shard& shard : shards_) {
      const std::lock_guard guard(shard.lock);
      if (void* block = shard.pop()) {
        return opened(block);
      }
    }
    return nullptr;
  }

  [[gnu::noinline]] void release_to_common(void* block, void* list) noexcept {
    const std::lock_guard guard(common_lock_);
    if (block != nullptr) {
      common_.release(block);
    }
    while (list != nullptr) {
      common_.release(std::exchange(list, Links::next(list)));
    }
  }

  std::array<Shard, kShards> shards_;
  alignas(64) mutable SpinLock common_lock_;
  BlockPool<Backing, Links> common_;
  SlabTable table_;
  alignas(64) const std::size_t block_size_;
  const std::size_t alignment_;
};

}  // namespace weir

#include "shared_pool.hpp"  // objects on it
