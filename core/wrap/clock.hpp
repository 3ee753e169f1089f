// The time, from whoever has it: core/ asks no system. Without a function it is always 0.
#pragma once

#include <cstdint>

namespace weir {

struct Clock {
  std::uint64_t (*now)(void* context) noexcept = nullptr;
  void* context = nullptr;

  std::uint64_t operator()() const noexcept { return now != nullptr ? now(context) : 0; }
  explicit operator bool() const noexcept { return now != nullptr; }
};

}  // namespace weir
