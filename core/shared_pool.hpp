// Objects of one type for several threads: acquired by one, released by any, each with a generation.
//
//   SharedPool<Session> sessions(page_allocator, {.limit = 1000});
//   Session* session = sessions.acquire(arguments);   // nullptr if there is no memory, or at the limit
//   sessions.release(session);                        // false if it isn't acquired
//   PoolHandle handle = sessions.handle_of(session);  // sessions.get(handle): nullptr once it was released
//
//   SharedPool<Buffer, PageAllocator, Keep<ClearIt>> buffers(page_allocator);     // values survive a release
//
// - What Pool<T> is for one thread, on a ThreadSafePool: as lazy, limited and trimmed as that, with the same
//   handles, misuse handler and lifecycles (pool/lifecycle.hpp). An object costs 8 bytes more than its size,
//   16 where objects are kept constructed. acquire and release are O(1): a lock's byte of the thread's own
//   shard and, for release, an exchange of the generation.
// - Of several threads that release one object at the same moment one succeeds; the others are told.
//   An address that is no object of this pool is found out without being read.
// - A handle says whether its object was released until now. Who uses what get() gave must know that no other
//   thread releases it meanwhile; release(handle) is safe at any time. Both take the pool's lock, O(slabs).
// - The Reset of a Keep runs on the thread that releases, and serves several threads at once.
// - trim() destroys kept objects under the pool's lock: their destructors must not use the pool. It must not
//   run while another thread releases what it has not acquired.
// - on_misuse() is for before the threads start. The handler may do anything but use the pool, on any thread.
// - What is still acquired when the pool goes is destroyed with it. T's constructors should not throw: acquire
//   is noexcept, and it would end the program.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "allocator.hpp"
#include "page_allocator.hpp"
#include "pool/block_pool.hpp"
#include "pool/lifecycle.hpp"
#include "pool/object_pool.hpp"
#include "pool/scoped.hpp"
#include "sanitizers.hpp"
#include "thread_safe_pool.hpp"
#include "typed.hpp"

namespace weir {

template <typename T, Allocator Backing = PageAllocator, typename Lifecycle = ConstructEach>
class SharedPool {
 public:
  explicit SharedPool(Backing& backing, BlockPoolOptions options = {}, Lifecycle lifecycle = {}) noexcept
      : blocks_(backing, Layout::of<Slot>(), options), lifecycle_(std::move(lifecycle)) {}
  SharedPool(const SharedPool&) = delete;
  SharedPool& operator=(const SharedPool&) = delete;
  ~SharedPool() {
    blocks_.for_each_carved([](std::byte* block) { destroy(slot_at(block)); });
  }

  template <typename... Arguments>
  [[gnu::always_inline]] T* acquire(Arguments&&... arguments) noexcept {
    Slot* slot = acquire_slot(here());
    if (slot != nullptr && slot->is_empty()) {
      new (slot->storage) T(std::forward<Arguments>(arguments)...);
    }
    return begin_use(slot);
  }

  // The same with T made by a call, that is only called if an object has to be made: of kept ones once each.
  template <typename Make>
  [[gnu::always_inline]] T* acquire_with(Make&& make) noexcept {
    Slot* slot = acquire_slot(here());
    if (slot != nullptr && slot->is_empty()) {
      new (slot->storage) T(std::forward<Make>(make)());
    }
    return begin_use(slot);
  }

  // False, and nothing else happens but a call of the misuse handler, if the object is not acquired or of no
  // pool at all. nullptr is of none.
  bool release(T* object) noexcept {
    Slot* slot = slot_of(object);
    if (slot == nullptr) [[unlikely]] {
      return misused(PoolMisuse::kForeign, object);
    }
    std::uint64_t generation = slot->generation.load(std::memory_order_relaxed);
    if (!is_acquired(generation) || !slot->end_use(generation)) [[unlikely]] {
      return misused(PoolMisuse::kNotAcquired, object);
    }
    return give_back(slot);
  }

  template <typename... Arguments>
  [[nodiscard, gnu::always_inline]] Scoped<T, SharedPool> scoped(Arguments&&... arguments) noexcept {
    return {*this, acquire(std::forward<Arguments>(arguments)...)};
  }

  // Of an acquired object; of any other address it is the handle of no object.
  PoolHandle handle_of(const T* object) const noexcept {
    const SlabPlace place = blocks_.place_of(object);
    const Slot* slot = slot_in(place, object);
    const std::uint64_t generation = slot == nullptr ? 0 : slot->generation.load(std::memory_order_acquire);
    if (!is_acquired(generation)) {
      return {};
    }
    return {place.first_index + (address_of(slot) - place.begin) / stride(), generation};
  }

  // The object, or nullptr if it was released since, by whomever its place is used now.
  T* get(PoolHandle handle) const noexcept {
    return blocks_.with_block_at(handle.index, [&](std::byte* block) -> T* {
      Slot* slot = slot_meant(block, handle);
      return slot == nullptr ? nullptr : slot->object();
    });
  }
  bool release(PoolHandle handle) noexcept {
    Slot* released = blocks_.with_block_at(handle.index, [&](std::byte* block) -> Slot* {
      Slot* slot = slot_meant(block, handle);
      return slot != nullptr && slot->end_use(handle.generation) ? slot : nullptr;
    });
    return released != nullptr ? give_back(released) : misused(PoolMisuse::kNotAcquired, nullptr);
  }

  // Whether this is an acquired object of the pool.
  bool owns(const T* object) const noexcept {
    const Slot* slot = slot_of(object);
    return slot != nullptr && is_acquired(slot->generation.load(std::memory_order_acquire));
  }

  void on_misuse(PoolMisuseHandler handler, void* context = nullptr) noexcept {
    handler_ = handler;
    handler_context_ = context;
  }

  // Memory for this many more objects; they are constructed when they are acquired.
  [[gnu::always_inline]] bool warm_up(std::size_t objects) noexcept {
    return blocks_.warm_up(objects, here());
  }

  // Gives back the slabs in which nothing is acquired, and destroys what is kept in them. Returns their bytes.
  std::size_t trim() noexcept {
    return blocks_.trim([](std::byte* block) { destroy(slot_at(block)); });
  }

  // in_use() is exact while no other thread acquires or releases; the mark is of blocks, and counts those that
  // lay free with a thread: too high by at most a few for each.
  std::size_t in_use() const noexcept { return blocks_.in_use(); }
  std::size_t capacity() const noexcept { return blocks_.capacity(); }
  std::size_t limit() const noexcept { return blocks_.limit(); }
  std::size_t high_water_mark() const noexcept { return blocks_.high_water_mark(); }

 private:
  static constexpr std::size_t kLinkBytes = sizeof(void*);
  static constexpr bool kKeeps = Lifecycle::kKeepsObjects;

  static constexpr bool is_acquired(std::uint64_t generation) noexcept { return (generation & 1) != 0; }

  // As that of Pool, but that a block lies with threads before it is first acquired: its generation is then 0.
  struct Slot {
    static constexpr std::size_t kLinkAt = kKeeps ? align_up(sizeof(T), kLinkBytes) : 0;
    static constexpr std::size_t kStorage = kKeeps ? kLinkAt + kLinkBytes : std::max(sizeof(T), kLinkBytes);

    alignas(std::max(alignof(T), alignof(void*))) std::byte storage[kStorage];
    std::atomic<std::uint64_t> generation{0};  // odd while the object is acquired

    T* object() noexcept { return std::launder(reinterpret_cast<T*>(storage)); }

    // Of a slot that the thread has just got: whether no object lies in it.
    bool is_empty() const noexcept { return !kKeeps || generation.load(std::memory_order_relaxed) == 0; }

    // True for one of those that want it.
    bool end_use(std::uint64_t of) noexcept {
      return generation.compare_exchange_strong(of, of + 1, std::memory_order_acq_rel,
                                                std::memory_order_relaxed);
    }
  };

  struct Links {
    static void* next(void* block) noexcept {
      const sanitizer::Access access(slot_at(block)->storage + Slot::kLinkAt, kLinkBytes);
      return *std::launder(reinterpret_cast<void**>(slot_at(block)->storage + Slot::kLinkAt));
    }
    static void set_next(void* block, void* next) noexcept {
      const sanitizer::Access access(slot_at(block)->storage + Slot::kLinkAt, kLinkBytes);
      new (slot_at(block)->storage + Slot::kLinkAt) void*(next);
    }
    static void prepare(void* block) noexcept {
      if (sanitizer::active()) sanitizer::open(block, sizeof(Slot));
      new (block) Slot;
      if (sanitizer::active()) sanitizer::close(block, offsetof(Slot, generation));
    }
    // The generation is read by whoever releases, also of an object that is free.
    static constexpr std::size_t opened(std::size_t /*block_size*/) noexcept { return sizeof(T); }
    static constexpr std::size_t closed(std::size_t /*block_size*/) noexcept {
      return offsetof(Slot, generation);
    }
  };

  // From one slot to the next.
  std::size_t stride() const noexcept { return sanitizer::active() ? blocks_.stride() : sizeof(Slot); }

  static Slot* slot_at(void* block) noexcept { return std::launder(static_cast<Slot*>(block)); }

  Slot* acquire_slot(CallerAddress caller) noexcept {
    void* block = blocks_.acquire(caller);
    if (sanitizer::active() && block != nullptr) sanitizer::open_defined(block, sizeof(T));
    return block == nullptr ? nullptr : slot_at(block);
  }
  static T* begin_use(Slot* slot) noexcept {
    if (slot == nullptr) {
      return nullptr;
    }
    slot->generation.store(slot->generation.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return slot->object();
  }
  bool give_back(Slot* slot) noexcept {
    weir::end_use(lifecycle_, *slot->object());
    blocks_.release(slot);
    return true;
  }

  // By address alone: a slot of the pool begins there, or nullptr.
  Slot* slot_in(SlabPlace place, const void* p) const noexcept {
    const bool is_one = place.begin != 0 && (address_of(p) - place.begin) % stride() == 0;
    return is_one ? slot_at(const_cast<void*>(p)) : nullptr;
  }
  Slot* slot_of(const void* p) const noexcept { return slot_in(blocks_.place_of(p), p); }

  static Slot* slot_meant(std::byte* block, PoolHandle handle) noexcept {
    Slot* slot = block == nullptr ? nullptr : slot_at(block);
    const bool is_it = slot != nullptr && is_acquired(handle.generation) &&
                       slot->generation.load(std::memory_order_acquire) == handle.generation;
    return is_it ? slot : nullptr;
  }

  // No longer acquired before its destructor runs: that of another object may try to release it.
  static void destroy(Slot* slot) noexcept {
    const std::uint64_t generation = slot->generation.load(std::memory_order_acquire);
    if (is_acquired(generation)) {
      slot->generation.store(generation + 1, std::memory_order_relaxed);
    }
    if (is_acquired(generation) || (kKeeps && generation != 0)) {
      if (sanitizer::active()) sanitizer::open_defined(slot, sizeof(T));
      slot->object()->~T();
    }
  }

  [[gnu::noinline, gnu::cold]] bool misused(PoolMisuse kind, const void* object) const noexcept {
    if (handler_ != nullptr) {
      handler_(handler_context_, kind, object);
    }
    return false;
  }

  ThreadSafePool<Backing, 16, Links> blocks_;
  [[no_unique_address]] Lifecycle lifecycle_;
  PoolMisuseHandler handler_ = nullptr;
  void* handler_context_ = nullptr;
};

}  // namespace weir
