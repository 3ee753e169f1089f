// One of these allocators as the allocator of the standard containers, by type instead of by std::pmr: no
// virtual call, and nothing between a container and its arena that could not be inlined.
//
//   weir::Arena<> arena;
//   std::vector<int, weir::StdAllocator<int, weir::Arena<>>> numbers(arena);
//   std::vector<int, weir::StdAllocator<int, weir::Arena<>>> more({1, 2, 3}, arena);
//   auto shared = std::allocate_shared<Node>(weir::allocator_for<Node>(arena), 42);
//
// - It refers to the allocator, which must outlive every container and every shared_ptr made with it. Two are
//   equal if they refer to the same one, and always where A has no state (PageAllocator).
// - Alignment is that of T, also beyond 16. Sizes that overflow are std::bad_array_new_length, what A cannot
//   give is std::bad_alloc: containers know no other way. Without exceptions it is std::abort().
// - A container stays in the memory that it was made with. Copy and move assignment bring the contents and not
//   the allocator, so that what was built in a short-lived arena does not lie there when it is kept elsewhere;
//   between equal ones a move is O(1), between others it goes element by element. swap() exchanges the
//   allocators, too: without, it would be undefined between different ones. A copy that is constructed uses
//   the allocator of its original.
// - As thread-safe as A. Costs what A costs; it is one pointer.
// - In an arena or a fixed buffer deallocate gives back the last block only: reserve() what will be needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <type_traits>

#include "allocator.hpp"

namespace weir {

template <typename T, Allocator A>
class StdAllocator {
 public:
  static_assert(std::is_object_v<T> && !std::is_const_v<T>);

  using value_type = T;
  using propagate_on_container_copy_assignment = std::false_type;
  using propagate_on_container_move_assignment = std::false_type;
  using propagate_on_container_swap = std::true_type;
  using is_always_equal = std::is_empty<A>;

  template <typename U>
  struct rebind {
    using other = StdAllocator<U, A>;
  };

  // Both convert, as std::pmr::polymorphic_allocator does: containers take the allocator itself.
  constexpr StdAllocator(A& allocator) noexcept  // NOLINT(google-explicit-constructor)
      : allocator_(&allocator) {}
  template <typename U>
  constexpr StdAllocator(const StdAllocator<U, A>& other) noexcept  // NOLINT(google-explicit-constructor)
      : allocator_(&other.below()) {}

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > SIZE_MAX / sizeof(T)) [[unlikely]] {
      fail<std::bad_array_new_length>();
    }
    void* const block = allocator_->allocate(Layout::of<T>(count), WEIR_CALLER());
    if (block == nullptr) [[unlikely]] {
      fail<std::bad_alloc>();
    }
    return static_cast<T*>(block);
  }
  void deallocate(T* block, std::size_t count) noexcept {
    allocator_->deallocate(block, Layout::of<T>(count), WEIR_CALLER());
  }

  constexpr A& below() const noexcept { return *allocator_; }

  template <typename U>
  friend constexpr bool operator==(const StdAllocator& a, const StdAllocator<U, A>& b) noexcept {
    return is_always_equal::value || &a.below() == &b.below();
  }

 private:
  template <typename Failure>
  [[noreturn]] static void fail() {
#ifdef __cpp_exceptions
    throw Failure();
#else
    std::abort();
#endif
  }

  A* allocator_;
};

// Where only T is to be said: `std::vector numbers({1, 2, 3}, weir::allocator_for<int>(arena));`
template <typename T, Allocator A>
constexpr StdAllocator<T, A> allocator_for(A& allocator) noexcept {
  return allocator;
}

}  // namespace weir
