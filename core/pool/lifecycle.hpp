// What happens to an object of a pool between its release and the next acquire.
#pragma once

namespace weir {

// Constructed by each acquire with its arguments, destroyed by each release.
struct ConstructEach {
  static constexpr bool kKeepsObjects = false;
};

// Constructed by the first acquire of its place and kept: for objects that are dear to make. reset(T&) runs
// at each release, so that what an object holds is dropped then and not when its place happens to be used
// again. The arguments of acquire serve the first construction only; a kept object has had its own.
template <typename Reset>
struct Keep {
  static constexpr bool kKeepsObjects = true;
  [[no_unique_address]] Reset reset;
};
template <typename Reset>
Keep(Reset) -> Keep<Reset>;

// A Reset that leaves the object as it is.
struct AsItWas {
  template <typename T>
  constexpr void operator()(T&) const noexcept {}
};

// At a release.
template <typename Lifecycle, typename T>
constexpr void end_use(Lifecycle& lifecycle, T& object) noexcept {
  if constexpr (Lifecycle::kKeepsObjects) {
    lifecycle.reset(object);
  } else {
    object.~T();
  }
}

}  // namespace weir
