// Objects of one type, each with a generation: what is released twice, or is of no pool, is refused in O(1).
//
//   Pool<Session> sessions(page_allocator);
//   Session* session = sessions.acquire(arguments);   // nullptr if there is no memory, or at the limit
//   sessions.release(session);                        // false if it isn't acquired
//   auto scoped = sessions.scoped(arguments);         // released at the end of the scope
//   PoolHandle handle = sessions.handle_of(session);  // sessions.get(handle): nullptr once it was released
//
// - Not thread-safe. A pool per thread is a `thread_local` one; SharedPool<T> serves several.
// - Stands on a BlockPool, and is as lazy, geometric, limited and trimmed as that. An object costs 8 bytes
//   more than its size, 16 where objects are kept constructed.
// - Generations are 64 bits and places given back are numbered anew,
//   so that a handle never means another object.
// - What is still acquired when the pool goes is destroyed with it.
// - T's constructors should not throw: acquire is noexcept, and it would end the program.
// - An address that is no object of this pool is found out without being read, by comparing it with the
//   slabs: with the newest, then with those that are half as large each, at most as many as an address has
//   bits; or with each of those that BlockPoolOptions::largest_slab keeps small.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "../allocator.hpp"
#include "../page_allocator.hpp"
#include "../sanitizers.hpp"
#include "../typed.hpp"
#include "block_pool.hpp"
#include "lifecycle.hpp"
#include "scoped.hpp"

namespace weir {

// A place in a pool and the use of it that is meant. One made by default is of no object.
struct PoolHandle {
  std::size_t index = SIZE_MAX;
  std::uint64_t generation = 0;

  friend constexpr bool operator==(const PoolHandle&, const PoolHandle&) = default;
};

enum class PoolMisuse {
  kNotAcquired,  // released twice, mostly
  kForeign,      // no object of this pool has this address
};

using PoolMisuseHandler = void (*)(void* context, PoolMisuse kind, const void* object);

template <typename T, Allocator Backing = PageAllocator, typename Lifecycle = ConstructEach>
class Pool {
 public:
  explicit Pool(Backing& backing, BlockPoolOptions options = {}, Lifecycle lifecycle = {}) noexcept
      : blocks_(backing, Layout::of<Slot>(), options), lifecycle_(std::move(lifecycle)) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    blocks_.for_each_carved([this](std::byte* block) { destroy(slot_at(block)); });
  }

  template <typename... Arguments>
  [[gnu::always_inline]] T* acquire(Arguments&&... arguments) noexcept {
    void* block = blocks_.acquire_released();
    if (block != nullptr) [[likely]] {
      Slot* slot = slot_at(block);
      slot->set_generation(slot->generation() + 1);
      if constexpr (kKeeps) {
        if (sanitizer::active()) sanitizer::open_defined(slot, sizeof(T));
        return slot->object();
      } else {
        return new (slot->storage) T(std::forward<Arguments>(arguments)...);
      }
    }
    block = blocks_.acquire_unused(here());
    if (block == nullptr) {
      return nullptr;
    }
    Slot* slot = Slot::make_at(block);
    return new (slot->storage) T(std::forward<Arguments>(arguments)...);
  }

  // The same with T made by a call, that is only called if an object has to be made: of kept ones once each.
  template <typename Make>
  [[gnu::always_inline]] T* acquire_with(Make&& make) noexcept {
    void* block = blocks_.acquire_released();
    Slot* slot = nullptr;
    if (block != nullptr) [[likely]] {
      slot = slot_at(block);
      slot->set_generation(slot->generation() + 1);
      if constexpr (kKeeps) {
        if (sanitizer::active()) sanitizer::open_defined(slot, sizeof(T));
        return slot->object();
      }
    } else {
      block = blocks_.acquire_unused(here());
      if (block == nullptr) {
        return nullptr;
      }
      slot = Slot::make_at(block);
    }
    return new (slot->storage) T(std::forward<Make>(make)());
  }

  // False, and nothing else happens but a call of the misuse handler, if the object is not acquired or of no
  // pool at all. nullptr is of none.
  bool release(T* object) noexcept {
    Slot* slot = slot_of(object);
    if (slot == nullptr || !slot->acquired()) [[unlikely]] {
      return misused(slot == nullptr ? PoolMisuse::kForeign : PoolMisuse::kNotAcquired, object);
    }
    // The generation first: an object whose destructor releases it once more is refused.
    slot->set_generation(slot->generation() + 1);
    end_use(lifecycle_, *object);
    blocks_.release(slot);
    return true;
  }

  template <typename... Arguments>
  [[nodiscard, gnu::always_inline]] Scoped<T, Pool> scoped(Arguments&&... arguments) noexcept {
    return {*this, acquire(std::forward<Arguments>(arguments)...)};
  }

  // Of an acquired object; of any other address it is the handle of no object.
  PoolHandle handle_of(const T* object) const noexcept {
    const Slot* slot = slot_of(object);
    if (slot == nullptr || !slot->acquired()) {
      return {};
    }
    const auto* slab = blocks_.slab_of(slot);
    return {slab->first_index + (address_of(slot) - address_of(slab->begin)) / blocks_.stride(),
            slot->generation()};
  }

  // The object, or nullptr if it was released since, by whomever its place is used now.
  T* get(PoolHandle handle) const noexcept {
    std::byte* block = handle.index == SIZE_MAX ? nullptr : blocks_.block_at(handle.index);
    Slot* slot = block == nullptr ? nullptr : slot_at(block);
    return slot != nullptr && slot->acquired() && slot->generation() == handle.generation ? slot->object()
                                                                                          : nullptr;
  }
  bool release(PoolHandle handle) noexcept {
    T* object = get(handle);
    return object != nullptr ? release(object) : misused(PoolMisuse::kNotAcquired, nullptr);
  }

  // Whether this is an acquired object of the pool.
  bool owns(const T* object) const noexcept {
    const Slot* slot = slot_of(object);
    return slot != nullptr && slot->acquired();
  }

  // Who hears of misuse besides the caller of release. The handler may do anything but use the pool.
  void on_misuse(PoolMisuseHandler handler, void* context = nullptr) noexcept {
    handler_ = handler;
    handler_context_ = context;
  }

  // Memory for this many more objects; they are constructed when they are acquired.
  [[gnu::always_inline]] bool warm_up(std::size_t objects) noexcept {
    return blocks_.warm_up(objects, here());
  }

  // Gives back the slabs in which nothing is acquired, and destroys what is kept in them.
  // Returns their bytes.
  std::size_t trim() noexcept {
    return blocks_.trim([this](std::byte* block) { destroy(slot_at(block)); });
  }

  std::size_t in_use() const noexcept { return blocks_.in_use(); }
  std::size_t capacity() const noexcept { return blocks_.capacity(); }
  std::size_t limit() const noexcept { return blocks_.limit(); }
  std::size_t high_water_mark() const noexcept { return blocks_.high_water_mark(); }

  // What the backing is asked for so many objects, if they are the first and asked for by warm_up.
  static constexpr Layout layout_of(std::size_t objects) noexcept {
    using Slab = typename BlockPool<Backing, Links>::Slab;
    return {objects * sizeof(Slot) + sizeof(Slab), std::max(alignof(Slot), alignof(Slab))};
  }

 private:
  static constexpr std::size_t kLinkBytes = sizeof(void*);
  static constexpr bool kKeeps = Lifecycle::kKeepsObjects;

  // An object, or the link to the next free slot in its place; behind it where the object is kept.
  struct Slot {
    static constexpr std::size_t kLinkAt = kKeeps ? align_up(sizeof(T), kLinkBytes) : 0;
    static constexpr std::size_t kStorage = kKeeps ? kLinkAt + kLinkBytes : std::max(sizeof(T), kLinkBytes);

    alignas(std::max(alignof(T), alignof(void*))) std::byte storage[kStorage];
    std::uint64_t number = 1;  // the generation: odd while the object is acquired

    // The number is nobody's but ours.
    static Slot* make_at(void* block) noexcept {
      const sanitizer::Access access(static_cast<std::byte*>(block) + offsetof(Slot, number), sizeof number);
      return new (block) Slot;
    }
    std::uint64_t generation() const noexcept {
      const sanitizer::Access access(&number, sizeof number);
      return number;
    }
    void set_generation(std::uint64_t value) noexcept {
      const sanitizer::Access access(&number, sizeof number);
      number = value;
    }
    bool acquired() const noexcept { return (generation() & 1) != 0; }
    T* object() noexcept { return std::launder(reinterpret_cast<T*>(storage)); }
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
    static constexpr std::size_t opened(std::size_t /*block_size*/) noexcept { return sizeof(T); }
    static constexpr std::size_t closed(std::size_t block_size) noexcept { return block_size; }
  };

  static Slot* slot_at(void* block) noexcept { return std::launder(static_cast<Slot*>(block)); }

  // By address alone: a slot of the pool begins there, or nullptr.
  Slot* slot_of(const void* p) const noexcept {
    const auto* slab = blocks_.slab_of(p);
    if (slab == nullptr) [[unlikely]] {
      return nullptr;
    }
    const std::size_t offset = address_of(p) - address_of(slab->begin);
    return offset % blocks_.stride() == 0 ? slot_at(slab->begin + offset) : nullptr;
  }

  // No longer acquired before its destructor runs: that of another object may try to release it.
  void destroy(Slot* slot) noexcept {
    const bool acquired = slot->acquired();
    if (acquired) {
      slot->set_generation(slot->generation() + 1);
    }
    if (kKeeps || acquired) {
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

  BlockPool<Backing, Links> blocks_;
  [[no_unique_address]] Lifecycle lifecycle_;
  PoolMisuseHandler handler_ = nullptr;
  void* handler_context_ = nullptr;
};

}  // namespace weir
