#include "shim/life/own_children.hpp"

namespace weir::own_children {

constinit std::atomic<unsigned> slots_taken{0};

namespace {

constexpr pid_t kFree = 0;
constexpr pid_t kTaken = -1;  // of a child that is about to be made
constinit std::atomic<pid_t> slots[kMost];

}  // namespace

pid_t* take_slot() noexcept {
  for (std::atomic<pid_t>& slot : slots) {
    pid_t expected = kFree;
    if (!slot.compare_exchange_strong(expected, kTaken, std::memory_order_acq_rel)) continue;
    slots_taken.fetch_add(1, std::memory_order_acq_rel);
    return reinterpret_cast<pid_t*>(&slot);
  }
  return nullptr;
}

void give_slot(pid_t* slot) noexcept {
  if (slot == nullptr) return;
  reinterpret_cast<std::atomic<pid_t>*>(slot)->store(kFree, std::memory_order_release);
  slots_taken.fetch_sub(1, std::memory_order_acq_rel);
}

void forget() noexcept {
  for (std::atomic<pid_t>& slot : slots) slot.store(kFree, std::memory_order_relaxed);
  slots_taken.store(0, std::memory_order_relaxed);
}

bool hold(pid_t pid) noexcept {
  if (pid <= 0) return false;
  for (const std::atomic<pid_t>& slot : slots) {
    if (slot.load(std::memory_order_acquire) == pid) return true;
  }
  return false;
}

}  // namespace weir::own_children
