// Objects of one type in a pool of N that is there from the beginning: no allocation, ever.
//
//   weir::FixedObjectPool<Particle, 256> particles;    // static, a member, or on the stack
//   Particle* one = particles.acquire(arguments);      // nullptr when all 256 are acquired
//   particles.available();                             // 255
//   particles.release(one);                            // false if it isn't acquired
//
// It is a Pool<T> whose memory lies in the object itself, and has all that Pool has: handles with generations,
// checked release and misuse handler, scopes, Keep. Not thread-safe. acquire, release and available are O(1).
// An object costs 8 bytes more than its size, 16 where it is kept constructed; constructing the pool touches
// its last bytes only. Neither copied nor moved. What is still acquired at its end is destroyed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "fixed_buffer.hpp"
#include "pool/object_pool.hpp"

namespace weir {

template <typename T, std::size_t N, typename Lifecycle = ConstructEach>
class FixedObjectPool {
  static_assert(N > 0);
  static constexpr Layout kLayout = Pool<T, PageAllocator, Lifecycle>::layout_of(N);
  using Memory = FixedBufferOf<kLayout.bytes>;
  using Objects = Pool<T, Memory, Lifecycle>;

 public:
  explicit FixedObjectPool(Lifecycle lifecycle = {}) noexcept
      : objects_(memory_, {.limit = N, .gaps = false}, std::move(lifecycle)) {
    objects_.warm_up(N);
  }

  template <typename... Arguments>
  T* acquire(Arguments&&... arguments) noexcept {
    return objects_.acquire(std::forward<Arguments>(arguments)...);
  }
  // T is made by the call if there is none in the place, as by Pool.
  template <typename Make>
  T* acquire_with(Make&& make) noexcept {
    return objects_.acquire_with(std::forward<Make>(make));
  }
  template <typename... Arguments>
  [[nodiscard]] Scoped<T, Objects> scoped(Arguments&&... arguments) noexcept {
    return objects_.scoped(std::forward<Arguments>(arguments)...);
  }
  bool release(T* object) noexcept { return objects_.release(object); }
  bool release(PoolHandle handle) noexcept { return objects_.release(handle); }

  PoolHandle handle_of(const T* object) const noexcept { return objects_.handle_of(object); }
  T* get(PoolHandle handle) const noexcept { return objects_.get(handle); }
  bool owns(const T* object) const noexcept { return objects_.owns(object); }
  void on_misuse(PoolMisuseHandler handler, void* context = nullptr) noexcept {
    objects_.on_misuse(handler, context);
  }

  std::size_t available() const noexcept { return N - objects_.in_use(); }
  std::size_t in_use() const noexcept { return objects_.in_use(); }
  std::size_t high_water_mark() const noexcept { return objects_.high_water_mark(); }
  static constexpr std::size_t capacity() noexcept { return N; }

 private:
  alignas(std::max(kLayout.alignment, alignof(Memory))) Memory memory_;
  Objects objects_;
};

}  // namespace weir
