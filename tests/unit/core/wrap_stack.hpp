// Cases of the conformance suite and the fuzzer for wrappers: layers, outermost first,
// over a base with a probe.
//
//   using Case = Stack<counting, validating>::On<OnPages>;
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <utility>

#include "core/arena.hpp"
#include "core/debug_allocator.hpp"
#include "core/fixed_buffer.hpp"
#include "core/page_allocator.hpp"
#include "core/wrap/counting.hpp"
#include "core/wrap/failing.hpp"
#include "core/wrap/limiting.hpp"
#include "core/wrap/locked.hpp"
#include "core/wrap/logging.hpp"
#include "core/wrap/profiling.hpp"
#include "core/wrap/quarantine.hpp"
#include "core/wrap/sampling.hpp"
#include "core/wrap/tagging.hpp"
#include "core/wrap/tracking.hpp"
#include "core/wrap/validating.hpp"
#include "tests/unit/core/conformance_model.hpp"

namespace weir::test {

// How each layer is made over what is below. Misuse that a layer reports ends the test: there is none here.
inline constexpr auto counting = [](auto& below) { return Counting(below); };
inline constexpr auto limiting = [](auto& below) { return Limiting(below, {}); };
inline constexpr auto failing = [](auto& below) { return Failing(below, {}); };
inline constexpr auto locked = [](auto& below) { return Locked(below); };
inline constexpr auto spin_locked = [](auto& below) {
  return Locked<std::remove_reference_t<decltype(below)>, SpinLock>(below);
};
inline constexpr auto logging = [](auto& below) {
  return Logging(below, {[](void*, const Operation& operation) noexcept {
                           Line line;
                           describe(operation, line);
                           EXPECT_LT(line.view().size(), 200U);
                         },
                         nullptr});
};
inline constexpr auto sampling = [](auto& below) { return Sampling(below, 4096, {}); };
inline constexpr auto tracking = [](auto& below) { return Tracking(below); };
inline constexpr auto validating = [](auto& below) { return Validating(below); };
inline constexpr auto quarantine = [](auto& below) { return Quarantine(below); };
inline constexpr auto debugging = [](auto& below) { return DebugAllocator(below); };
inline constexpr auto profiling = [](auto& below) {
  return Profiling(below, {.clock = {[](void*) noexcept { return std::uint64_t{7}; }}});
};
inline constinit Tag suite_tag{"suite"};
inline constexpr auto tagging = [](auto& below) { return Tagging(below, suite_tag); };

struct OnPages {
  static constexpr Traits kTraits{};
  PageAllocator pages;
  CallerProbe<PageAllocator> seen{pages};

  auto& allocator() { return seen; }
  const auto& probe() { return seen; }
  void finish() {}
};

struct OnArena {
  static constexpr Traits kTraits{.max_bytes = std::size_t{64} << 10, .reuse = Reuse::kNone};
  Arena<> arena;
  CallerProbe<Arena<>> seen{arena};

  auto& allocator() { return seen; }
  const auto& probe() { return seen; }
  void reset() { EXPECT_TRUE(arena.reset()); }
  void finish() {}
};

struct OnFixedBuffer {
  static constexpr Traits kTraits{
      .max_alignment = 64, .max_bytes = 4096, .bounded = true, .reuse = Reuse::kNone};
  alignas(64) std::array<std::byte, std::size_t{64} << 10> storage;
  FixedBuffer buffer{storage};
  CallerProbe<FixedBuffer> seen{buffer};

  auto& allocator() { return seen; }
  const auto& probe() { return seen; }
  void reset() { buffer.reset(); }
  void finish() {}
};

template <auto kMake, typename Below>
struct Layer {
  static constexpr Traits kTraits = Below::kTraits;
  Below below;
  decltype(kMake(below.allocator())) layer = kMake(below.allocator());

  auto& allocator() { return layer; }
  const auto& probe() requires requires { below.probe(); }
  { return below.probe(); }

  void reset() requires requires { below.reset(); }
  {
    below.reset();
    if constexpr (requires { layer.forget_live(); }) {
      layer.forget_live();
    }
    if constexpr (requires { layer.forget_held(); }) {
      layer.forget_held();
    }
  }

  // Nothing is left, and what watched saw it.
  void finish() {
    if constexpr (requires { layer.counts(); }) {
      EXPECT_GT(layer.counts().allocations, 0U);
      EXPECT_EQ(layer.counts().live_blocks(), 0U);
      EXPECT_EQ(layer.counts().live_bytes, 0U);
    }
    if constexpr (requires { layer.usage(); }) {
      EXPECT_GT(layer.usage().allocations, 0U);
      EXPECT_EQ(layer.usage().live_blocks(), 0U);
      EXPECT_EQ(layer.usage().live_bytes, 0U);
    }
    if constexpr (requires { layer.remaining(); }) {
      EXPECT_EQ(layer.remaining(), SIZE_MAX);
    }
    if constexpr (requires { layer.check_all(); }) {
      EXPECT_EQ(layer.check_all(), 0U);
    }
    if constexpr (requires { layer.flush(); }) {
      layer.flush();
    }
    below.finish();
  }
};

// Stack<outermost, ..., innermost>::On<OnPages>
template <auto kOutermost, auto... kLayers>
struct Stack {
  template <typename Base>
  using On = Layer<kOutermost, typename Stack<kLayers...>::template On<Base>>;
};
template <auto kOutermost>
struct Stack<kOutermost> {
  template <typename Base>
  using On = Layer<kOutermost, Base>;
};

}  // namespace weir::test

// Suite and fuzzer for a stack on a base; in namespace weir::test.
#define WEIR_ON(Base, Name, ...)                            \
  using Name##Base = Stack<__VA_ARGS__>::template On<Base>; \
  WEIR_FUZZ(Name##Base, Name##Base);                        \
  WEIR_CONFORMANCE(Name##Base, Name##Base)
#define ON_PAGES(Name, ...) WEIR_ON(OnPages, Name, __VA_ARGS__)
#define ON_ARENA(Name, ...) WEIR_ON(OnArena, Name, __VA_ARGS__)
#define ON_BOTH(Name, ...)             \
  WEIR_ON(OnPages, Name, __VA_ARGS__); \
  WEIR_ON(OnFixedBuffer, Name, __VA_ARGS__)
