#include "shim/unwind/registered_frames.hpp"

#include <atomic>
#include <cstring>

#include "shim/base/spin_lock.hpp"
#include "shim/base/zones.hpp"
#include "shim/unwind/cfi.hpp"
#include "shim/unwind/modules.hpp"
#include "shim/unwind/rule_cache.hpp"

namespace weir {

constinit RegisteredFrames registered_frames;

namespace {

struct Section {
  std::uint64_t begin, end;
  std::uint64_t code_start,
      code_end;  // from the lowest to the highest of its code; empty where there is none
  void* object;
  bool forwarded;
  bool asked;  // a rule of it may be in the cache
};

constinit SpinLock lock;
constinit GrowingTable<Section> table;
constinit std::atomic<std::uint32_t> count{0};
constinit std::atomic<std::uint64_t> changed{0};

// A walk has ended where no tables were. Set before `count` is read, and read after it was changed: either the walk
// sees the new section, or who adds it sees that there was a walk.
constinit std::atomic<bool> missed{false};

// Under the lock. `count` where there is none.
std::uint32_t index_of(std::uint64_t begin) noexcept {
  const std::uint32_t all = count.load(std::memory_order_relaxed);
  std::uint32_t i = 0;
  while (i != all && table[i].begin != begin) ++i;
  return i;
}

// Under the lock. Calls visit(section, entries at the entry for the address); the newest section is asked first.
template <typename Visit>
bool visit_entry(std::uint64_t address, Visit&& visit) noexcept {
  for (std::uint32_t i = count.load(std::memory_order_relaxed); i-- != 0;) {
    Section& s = table[i];
    if (address < s.code_start || address >= s.code_end) continue;
    for (FrameEntries entries(s.begin, s.end); entries.next();) {
      if (address < entries.code_start() || address >= entries.code_end()) continue;
      visit(s, entries);
      return true;
    }
  }
  return false;
}

}  // namespace

void RegisteredFrames::add(const void* begin, void* object, bool forwarded) noexcept {
  Section s{reinterpret_cast<std::uint64_t>(begin), 0, ~std::uint64_t{0}, 0, object, forwarded, false};
  FrameEntries entries(s.begin);
  while (entries.next()) {
    if (entries.code_start() < s.code_start) s.code_start = entries.code_start();
    if (entries.code_end() > s.code_end) s.code_end = entries.code_end();
  }
  s.end = entries.read_to();
  {
    const SpinGuard guard(lock, false);
    const std::uint32_t all = count.load(std::memory_order_relaxed);
    if (index_of(s.begin) != all || !table.ensure(all + 1)) return;
    table[all] = s;
    count.store(all + 1, std::memory_order_seq_cst);
  }
  if (missed.exchange(false, std::memory_order_seq_cst))
    __atomic_add_fetch(&unload_epoch, 1, __ATOMIC_RELEASE);
}

RegisteredFrames::Removed RegisteredFrames::remove(const void* begin) noexcept {
  Section was;
  {
    const SpinGuard guard(lock, false);
    const std::uint32_t all = count.load(std::memory_order_relaxed);
    const std::uint32_t i = index_of(reinterpret_cast<std::uint64_t>(begin));
    if (i == all) return {false, true, nullptr};
    was = table[i];
    std::memmove(static_cast<void*>(&table[i]), &table[i + 1], (all - i - 1) * sizeof(Section));
    count.store(all - 1, std::memory_order_relaxed);
    changed.fetch_add(1, std::memory_order_release);
  }
  if (was.asked) {
    __atomic_add_fetch(&unload_epoch, 1, __ATOMIC_RELEASE);
    rule_cache.forget_registered();
  }
  return {true, was.forwarded, was.object};
}

FrameRule RegisteredFrames::rule_at(std::uint64_t address, bool nested, std::uint64_t& changes) noexcept {
  if (!missed.load(std::memory_order_seq_cst)) missed.store(true, std::memory_order_seq_cst);
  FrameRule rule = RuleKind::kUnknown;
  if (count.load(std::memory_order_seq_cst) == 0) return rule;
  const SpinGuard guard(lock, nested);
  if (!guard.held()) return rule;
  changes = changed.load(std::memory_order_relaxed);
  visit_entry(address, [&](Section& s, const FrameEntries& entries) {
    s.asked = true;
    rule = entries.rule_at(address);
  });
  return rule;
}

std::uint64_t RegisteredFrames::changes() const noexcept {
  return changed.load(std::memory_order_acquire);
}

bool RegisteredFrames::find(std::uint64_t address, Entry& entry) noexcept {
  if (count.load(std::memory_order_acquire) == 0) return false;
  const SpinGuard guard(lock, false);
  return visit_entry(address, [&](const Section&, const FrameEntries& entries) {
    entry = {entries.entry(), entries.code_start(), entries.code_end()};
  });
}

void RegisteredFrames::lock_for_fork() noexcept {
  lock.lock();
}
void RegisteredFrames::unlock_after_fork() noexcept {
  lock.unlock();
}

}  // namespace weir
