// A pool whose objects are made by an init function, each when it is first needed and once:
//
//   weir::LazyPool buffers(weir::page_allocator, [&] { return Buffer(settings.buffer_size()); });
//   Buffer* one = buffers.acquire();     // calls the function if no released one is there
//   buffers.release(one);                // its value stays for the next acquire
//
// - What the function looks at it looks at then, not when the pool is made: objects that nobody asks for cost
//   nothing, and settings may still change. It makes the object in its place, so T need not be movable.
// - A Reset, the third argument, runs at each release: `weir::LazyPool pool(backing, init, reset)`.
// - It is a Pool<T> with Keep and has what that has: handles, checked release, misuse handler, limits, trim,
//   after which places are made anew. For one thread; several have SharedPool::acquire_with.
// - acquire is O(1), and what the function takes. It should not throw: acquire is noexcept.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "pool/object_pool.hpp"

namespace weir {

template <typename T, typename Init, Allocator Backing = PageAllocator, typename Reset = AsItWas>
class LazyPool : private Pool<T, Backing, Keep<Reset>> {
  using Objects = Pool<T, Backing, Keep<Reset>>;

 public:
  explicit LazyPool(Backing& backing, Init init, Reset reset = {}, BlockPoolOptions options = {}) noexcept
      : Objects(backing, options, Keep<Reset>{std::move(reset)}), init_(std::move(init)) {}

  // nullptr if there is no memory, or at the limit; the function is not called then.
  [[gnu::always_inline]] T* acquire() noexcept { return Objects::acquire_with(init_); }
  [[nodiscard, gnu::always_inline]] Scoped<T, Objects> scoped() noexcept { return {*this, acquire()}; }

  using Objects::capacity;
  using Objects::get;
  using Objects::handle_of;
  using Objects::high_water_mark;
  using Objects::in_use;
  using Objects::limit;
  using Objects::on_misuse;
  using Objects::owns;
  using Objects::release;
  using Objects::trim;
  using Objects::warm_up;  // memory; the objects are still made when they are acquired

 private:
  [[no_unique_address]] Init init_;
};
template <Allocator Backing, typename Init>
LazyPool(Backing&, Init) -> LazyPool<std::invoke_result_t<Init&>, Init, Backing>;
template <Allocator Backing, typename Init, typename Reset>
LazyPool(Backing&, Init, Reset) -> LazyPool<std::invoke_result_t<Init&>, Init, Backing, Reset>;
template <Allocator Backing, typename Init, typename Reset>
LazyPool(Backing&, Init, Reset, BlockPoolOptions)
    -> LazyPool<std::invoke_result_t<Init&>, Init, Backing, Reset>;

}  // namespace weir
