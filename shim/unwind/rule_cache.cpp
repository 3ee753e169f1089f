#include "shim/unwind/rule_cache.hpp"

#include "shim/base/spin_lock.hpp"
#include "shim/unwind/modules.hpp"

namespace weir {

constinit RuleCache rule_cache;

namespace {
constinit SpinLock lock;
}  // namespace

__attribute__((noinline)) FrameRule RuleCache::learn(std::uint64_t address, bool nested) noexcept {
  const CodePlace place = modules.find(address, nested);
  if (place.tables.module_end == 0) return RuleKind::kUnknown;
  // A module that the loader closed without dlclose (its own plug-ins) comes to light
  // when another takes its place.
  if (!nested && epoch_ != __atomic_load_n(&unload_epoch, __ATOMIC_ACQUIRE)) forget_unloaded();
  const FrameRule rule = read_frame_rule(place.tables, address).with_module(place.module);
  if (place.module == 0 || rule.kind() == RuleKind::kUnknown) return rule;
  const SpinGuard guard(lock, nested);
  if (guard.held()) rules_.insert(address, rule.word());
  return rule;
}

void RuleCache::forget_unloaded() noexcept {
  const SpinGuard guard(lock, false);
  epoch_ = __atomic_load_n(&unload_epoch, __ATOMIC_ACQUIRE);
  rules_.forget_if([](std::uint64_t word) { return modules[FrameRule(word).module()].unloaded; });
}

void RuleCache::lock_for_fork() noexcept {
  lock.lock();
}
void RuleCache::unlock_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir
