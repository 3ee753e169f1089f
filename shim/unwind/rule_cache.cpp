#include "shim/unwind/rule_cache.hpp"

#include "shim/base/spin_lock.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/registered_frames.hpp"

namespace weir {

constinit RuleCache rule_cache;

namespace {
constinit SpinLock lock;
}  // namespace

__attribute__((noinline)) FrameRule RuleCache::learn(std::uint64_t address, bool nested) noexcept {
  const CodePlace place = modules.find(address, nested);
  if (place.tables.module_end == 0) return learn_registered(address, nested);
  // A module that the loader closed without dlclose (its own plug-ins) comes to light
  // when another takes its place.
  if (!nested && epoch_ != __atomic_load_n(&unload_epoch, __ATOMIC_ACQUIRE)) forget_unloaded();
  const FrameRule rule = read_frame_rule(place.tables, address).with_module(place.module);
  if (place.module == 0 || rule.kind() == RuleKind::kUnknown) return rule;
  const SpinGuard guard(lock, nested);
  if (guard.held()) rules_.insert(address, rule.word());
  return rule;
}

__attribute__((noinline)) FrameRule RuleCache::learn_registered(std::uint64_t address, bool nested) noexcept {
  std::uint64_t changes = 0;
  const FrameRule rule = registered_frames.rule_at(address, nested, changes);
  if (rule.kind() == RuleKind::kUnknown) return rule;
  const SpinGuard guard(lock, nested);
  // Not what was deregistered meanwhile: whoever did that has been, or will be, here to forget it.
  if (guard.held() && registered_frames.changes() == changes) rules_.insert(address, rule.word());
  return rule;
}

void RuleCache::forget_registered() noexcept {
  const SpinGuard guard(lock, false);
  rules_.forget_if([](std::uint64_t word) { return FrameRule(word).module() == 0; });
}

void RuleCache::forget_unloaded() noexcept {
  const SpinGuard guard(lock, false);
  epoch_ = __atomic_load_n(&unload_epoch, __ATOMIC_ACQUIRE);
  rules_.forget_if([](std::uint64_t word) {
    const unsigned module = FrameRule(word).module();
    return module != 0 && modules[module].unloaded;
  });
}

void RuleCache::lock_for_fork() noexcept {
  registered_frames.lock_for_fork();
  lock.lock();
}
void RuleCache::unlock_after_fork() noexcept {
  lock.unlock();
  registered_frames.unlock_after_fork();
}

}  // namespace weir
