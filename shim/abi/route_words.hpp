// The words of the routing rules and what each target takes: for the parser, for `weir routes`, for messages.
#pragma once

#include <cstdint>
#include <string_view>

#include "shim/abi/route_rules.hpp"

namespace weir {

// In the order of RouteTarget and CallKind.
inline constexpr std::string_view kTargetWords[] = {"parent", "pool", "arena", "fixed", "page"};
inline constexpr std::string_view kCallWords[kCallKinds] = {"malloc",   "calloc", "realloc",
                                                            "memalign", "new",    "new[]"};
inline constexpr std::string_view kFullWords[] = {"parent", "null", "abort"};  // WhenFull

constexpr std::string_view word_of(RouteTarget target) noexcept {
  return kTargetWords[static_cast<unsigned>(target)];
}
constexpr std::string_view word_of(CallKind call) noexcept {
  return kCallWords[static_cast<unsigned>(call)];
}
constexpr std::string_view word_of(WhenFull full) noexcept {
  return kFullWords[static_cast<unsigned>(full)];
}

enum class ConditionKind : std::uint8_t { kSize, kAlign, kThread, kModule, kCaller, kSource, kCall };
inline constexpr unsigned kConditionKinds = 7;
inline constexpr std::string_view kConditionWords[kConditionKinds] = {"size",   "align",  "thread", "module",
                                                                      "caller", "source", "call"};

enum class ParameterKind : std::uint8_t {
  kCapacity,
  kChunk,
  kRetain,
  kShared,
  kFull,
  kPrefault,
  kHuge,
  kFile,
  kTag
};
inline constexpr unsigned kParameterKinds = 9;
inline constexpr std::string_view kParameterWords[kParameterKinds] = {
    "capacity", "chunk", "retain", "shared", "full", "prefault", "huge", "file", "tag"};
inline constexpr std::string_view kParameterRanges[kParameterKinds] = {"1 to 1024G",
                                                                       "a power of two from 64K to 1G",
                                                                       "0 to 1024G",
                                                                       "0 or 1",
                                                                       "parent, null or abort",
                                                                       "0 or 1",
                                                                       "0 or 1",
                                                                       "a path",
                                                                       "a name of at most 63 bytes"};

constexpr unsigned parameter_bit(ParameterKind kind) noexcept {
  return 1u << static_cast<unsigned>(kind);
}

// Bit i: the target takes ParameterKind i.
constexpr unsigned parameters_of(RouteTarget target) noexcept {
  using enum ParameterKind;
  constexpr unsigned kPoolTakes = parameter_bit(kCapacity) | parameter_bit(kRetain) | parameter_bit(kFull) |
                                  parameter_bit(kHuge) | parameter_bit(kTag);
  switch (target) {
    case RouteTarget::kParent:
      return parameter_bit(kTag);
    case RouteTarget::kPage:
      return parameter_bit(kHuge) | parameter_bit(kTag);
    case RouteTarget::kPool:
      return kPoolTakes;
    case RouteTarget::kArena:
      return kPoolTakes | parameter_bit(kChunk) | parameter_bit(kShared) | parameter_bit(kPrefault);
    case RouteTarget::kFixed:
      return parameter_bit(kCapacity) | parameter_bit(kShared) | parameter_bit(kFull) |
             parameter_bit(kPrefault) | parameter_bit(kHuge) | parameter_bit(kFile) | parameter_bit(kTag);
  }
  return 0;
}

inline constexpr std::uint64_t kMostCapacity = std::uint64_t{1} << 40;
inline constexpr std::uint64_t kMostFixedCapacity = std::uint64_t{1} << 31;
inline constexpr std::uint64_t kMostPooledBytes = std::uint64_t{32}
                                                  << 10;  // larger ones come from the parent
inline constexpr std::uint64_t kDefaultChunk = std::uint64_t{256} << 10;
inline constexpr std::uint64_t kLeastChunk = std::uint64_t{1} << 16;
inline constexpr std::uint64_t kMostChunk = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kMostConditionBytes = std::uint64_t{1} << 47;
inline constexpr std::string_view kConditionRange = "0 to 131072G, as in 100, 4K or 64M";
inline constexpr std::size_t kLongestRouteName = 31;
inline constexpr std::size_t kLongestTag = 63;

}  // namespace weir
