// Stacks of wrappers that several threads share: those that say that they are thread-safe, or are made so.
#include "tests/unit/core/fuzz.hpp"
#include "tests/unit/core/wrap_stack.hpp"

namespace weir::test {

// The probe counts without a lock, so it lies under one or is left out.
struct OnSharedPages {
  static constexpr Traits kTraits{};
  PageAllocator pages;
  auto& allocator() { return pages; }
  void finish() {}
};
using TaggingShared = Stack<tagging>::On<OnSharedPages>;
using LockedStack = Stack<locked, tracking, counting, validating, quarantine>::On<OnPages>;
using SpinLockedStack = Stack<spin_locked, profiling, limiting, tagging>::On<OnPages>;
using DebuggingShared = Stack<debugging>::On<OnPages>;
WEIR_FUZZ_THREADS(TaggingShared, TaggingShared);
WEIR_FUZZ_THREADS(LockedStack, LockedStack);
WEIR_FUZZ_THREADS(SpinLockedStack, SpinLockedStack);
WEIR_FUZZ_THREADS(DebuggingShared, DebuggingShared);

}  // namespace weir::test
