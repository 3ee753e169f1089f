// Frame rules by address, learnt from the unwind tables once per call site. O(1); reading takes no lock.
#pragma once

#include <cstdint>

#include "shim/base/word_map.hpp"
#include "shim/unwind/frame_rule.hpp"

namespace weir {

class RuleCache {
 public:
  // The rule at the state's address, module number included (0: code whose tables the program has registered).
  // kUnknown results are not kept: JIT code comes and goes, and a module may be loaded where there was none.
  // `nested` as in Modules::find.
  FrameRule rule_at(const FrameState& state, bool nested) noexcept {
    const std::uint64_t address = state.lookup_address();
    const std::uint64_t word = rules_.find(address);
    return __builtin_expect(word != 0, 1) ? FrameRule(word) : learn(address, nested);
  }

  // Forgets the rules of modules that are no longer loaded. O(size).
  void forget_unloaded() noexcept;

  // Forgets those of registered code. O(size).
  void forget_registered() noexcept;

  // With the lock of the registered tables.
  void lock_for_fork() noexcept;
  void unlock_after_fork() noexcept;

 private:
  FrameRule learn_registered(std::uint64_t address, bool nested) noexcept;
  FrameRule learn(std::uint64_t address, bool nested) noexcept;

  WordMap rules_;
  std::uint64_t epoch_ = 0;  // unload_epoch of the last forgetting
};

extern RuleCache rule_cache;

}  // namespace weir
