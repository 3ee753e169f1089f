// An object of a pool for the length of a scope: released when the handle goes. Move-only; not thread-safe.
#pragma once

#include <cstddef>
#include <utility>

namespace weir {

template <typename T, typename Owner>
class Scoped {
 public:
  constexpr Scoped() noexcept = default;
  constexpr Scoped(Owner& pool, T* object) noexcept : pool_(&pool), object_(object) {}
  constexpr Scoped(Scoped&& other) noexcept
      : pool_(other.pool_), object_(std::exchange(other.object_, nullptr)) {}
  constexpr Scoped& operator=(Scoped&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = other.pool_;
      object_ = std::exchange(other.object_, nullptr);
    }
    return *this;
  }
  constexpr ~Scoped() { reset(); }

  // Empty when the pool had nothing to give, after a move, after reset and after detach.
  constexpr explicit operator bool() const noexcept { return object_ != nullptr; }
  constexpr T* get() const noexcept { return object_; }
  constexpr T& operator*() const noexcept { return *object_; }
  constexpr T* operator->() const noexcept { return object_; }

  // Releases the object now.
  constexpr void reset() noexcept {
    if (T* object = std::exchange(object_, nullptr)) {
      pool_->release(object);
    }
  }
  // Leaves the object acquired and its release to the caller.
  constexpr T* detach() noexcept { return std::exchange(object_, nullptr); }

 private:
  Owner* pool_ = nullptr;
  T* object_ = nullptr;
};

}  // namespace weir
