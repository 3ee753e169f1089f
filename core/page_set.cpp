#include "core/page_set.hpp"

#include <algorithm>

namespace weir {

// Fresh pages are zero, and so are the atomics of an empty table.
template <typename T>
T* PageSet::existing_or_new(std::atomic<T*>& slot) noexcept {
  T* existing = slot.load(std::memory_order_acquire);
  if (existing != nullptr) return existing;
  T* const made = static_cast<T*>(map_pages(sizeof(T)));
  if (made == nullptr) return nullptr;
  if (slot.compare_exchange_strong(existing, made, std::memory_order_acq_rel)) return made;
  unmap_pages(made, sizeof(T));
  return existing;
}

// Pages [first, last) of a table. A word may hold pages of others, whose bits are kept.
void PageSet::write(Table& table, std::size_t first, std::size_t last, bool present) noexcept {
  while (first < last) {
    const std::size_t bit = first % 64;
    const std::size_t count = std::min(64 - bit, last - first);
    const std::uint64_t mask = (count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1) << bit;
    std::atomic<std::uint64_t>& word = table.words[first / 64];
    if (count == 64) {
      word.store(present ? mask : 0, std::memory_order_relaxed);
    } else if (present) {
      word.fetch_or(mask, std::memory_order_relaxed);
    } else {
      word.fetch_and(~mask, std::memory_order_relaxed);
    }
    first += count;
  }
}

void PageSet::write(std::uintptr_t first, std::uintptr_t last, bool present) noexcept {
  Root& root = *root_.load(std::memory_order_acquire);
  while (first < last) {
    const std::uintptr_t begin = first % kTablePages;
    const std::uintptr_t count = std::min(kTablePages - begin, last - first);
    write(*root.tables[first / kTablePages].load(std::memory_order_acquire), begin, begin + count, present);
    first += count;
  }
}

bool PageSet::insert(const void* address, std::size_t bytes) noexcept {
  const auto first = reinterpret_cast<std::uintptr_t>(address) / kPageSize;
  const std::uintptr_t last = first + bytes / kPageSize;
  if (first == last) return true;
  if (last > kTables * kTablePages) return false;
  Root* root = existing_or_new(root_);
  if (root == nullptr) return false;
  for (std::uintptr_t i = first / kTablePages; i <= (last - 1) / kTablePages; ++i) {
    if (existing_or_new(root->tables[i]) == nullptr) return false;
  }
  write(first, last, true);
  return true;
}

void PageSet::erase(const void* address, std::size_t bytes) noexcept {
  const auto first = reinterpret_cast<std::uintptr_t>(address) / kPageSize;
  write(first, first + bytes / kPageSize, false);
}

}  // namespace weir
