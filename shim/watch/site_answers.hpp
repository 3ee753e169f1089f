// What CallSites answered for the return addresses that came last, for whoever asks at every call.
//
// Unlike CallSites::rules_at alone it does not take "another thread has the table of modules" for an answer:
// it asks again, for a while; so a budget does not miss a request now and then. Lock-free, async-signal-safe
// (a handler that interrupts the holder of that table gets the short answer in the end), no malloc.
#pragma once

#include <atomic>
#include <cstdint>

#include "shim/base/sys.hpp"
#include "shim/base/zones.hpp"
#include "shim/route/call_sites.hpp"
#include "shim/unwind/modules.hpp"

namespace weir {

class SiteAnswers {
 public:
  // Before the first question; false when there is no memory.
  bool start() noexcept {
    entries_ = static_cast<Entry*>(table_zone.map(kEntries * sizeof(Entry)));
    return entries_ != nullptr;
  }

  RuleMask of(CallSites& sites, std::uint64_t return_address) noexcept {
    const std::uint32_t epoch = call_site_epoch.load(std::memory_order_acquire);
    const std::uint64_t key = return_address ^ std::uint64_t{epoch} << 47;
    Entry& entry = entries_[key * 0x9e3779b97f4a7c15u >> (64 - kEntryBits)];
    if (entry.key.load(std::memory_order_acquire) == key) {
      const RuleMask mask = entry.mask.load(std::memory_order_acquire);
      if (entry.key.load(std::memory_order_relaxed) == key) return mask;
    }
    return ask(sites, return_address, key, epoch, entry);
  }

 private:
  // Readers take the mask only between two looks at the same key.
  struct Entry {
    std::atomic<std::uint64_t> key;
    std::atomic<RuleMask> mask;
  };
  static constexpr unsigned kEntryBits = 12;
  static constexpr std::uint64_t kEntries = std::uint64_t{1} << kEntryBits;
  static constexpr std::uint64_t kBusy = 1;

  __attribute__((noinline)) static RuleMask ask(CallSites& sites, std::uint64_t return_address,
                                                std::uint64_t key, std::uint32_t epoch,
                                                Entry& entry) noexcept {
    RuleMask mask = 0;
    bool certain = false;
    for (int tries = 0; tries < 1000 && !certain; ++tries) {
      if (tries != 0) sys::call(SYS_sched_yield);
      mask = sites.rules_at(return_address, &certain);
    }
    std::uint64_t was = entry.key.load(std::memory_order_relaxed);
    const bool stays = certain && epoch == call_site_epoch.load(std::memory_order_acquire);
    if (!stays || was == kBusy || !entry.key.compare_exchange_strong(was, kBusy)) return mask;
    entry.mask.store(mask, std::memory_order_release);
    entry.key.store(key, std::memory_order_release);
    return mask;
  }

  Entry* entries_ = nullptr;
};

}  // namespace weir
